/*
 * A store on the command line, for tests with real servers:
 *
 *   store URL list PREFIX             "SIZE KEY" a line
 *   store URL get KEY [ETAG]          etag, newline, content
 *   store URL read KEY                content
 *   store URL set|replace KEY FILE
 *   store URL put KEY FILE DIGEST     its last byte is held back for a moment, as geranos does
 *   store URL break KEY FILE DIGEST N as put, but the source ends after N bytes
 *   store URL fill PREFIX N           N objects of a few bytes: PREFIX and their sha256 digests
 *   store URL tidy
 *
 * Prints the result ("ok", "there", ...) and the error to standard error.
 */
#include "mirror/store.h"

#include "sys/file.h"

#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct exchange_client *client;
static struct store *store;
static atomic_bool stop;

static int say(const struct store_outcome *out)
{
    static const char *const names[] = {"ok", "missing", "there", "retry", "refused", "failed"};
    fprintf(stderr, "%s%s %s\n", names[out->result], out->throttled ? " throttled" : "",
            out->error);
    return out->result == STORE_OK ? 0 : 1;
}

static bool print_key(void *owner, struct str key, int64_t size)
{
    (void)owner;
    printf("%lld %.*s\n", (long long)size, (int)key.len, key.data);
    return true;
}

static enum exchange_flow print_data(void *owner, const char *data, size_t len)
{
    (void)owner;
    return fwrite(data, 1, len, stdout) == len ? EXCHANGE_GO : EXCHANGE_STOP;
}

/* ── Putting ── */

struct source {
    FILE *file;
    int64_t left;
    int64_t until; /* it breaks when so many are left; 0: it does not */
    bool held;     /* the last byte was, once */
    int64_t given;
};

static enum exchange_flow read_source(void *owner, char *data, size_t *len)
{
    struct source *s = owner;
    int64_t most = s->left > 1 ? s->left - 1 : s->left;
    if (s->left == s->until && s->until > 0)
        return EXCHANGE_STOP;
    if (s->left == 1 && !s->held) {
        s->held = true;
        return EXCHANGE_LATER;
    }
    if (s->until > 0 && most > s->left - s->until)
        most = s->left - s->until;
    if ((int64_t)*len > most)
        *len = (size_t)most;
    *len = fread(data, 1, *len, s->file);
    s->left -= (int64_t)*len;
    s->given += (int64_t)*len;
    return *len > 0 ? EXCHANGE_GO : EXCHANGE_STOP;
}

static int put(const char *key, const char *path, const char *digest, int64_t broken_after)
{
    struct source source = {.file = fopen(path, "rb")};
    struct store_object object = {.key = str_from(key)};
    struct store_outcome out;
    digest_parse(str_from(digest), &object.digest);
    if (source.file == NULL)
        return 2;
    fseek(source.file, 0, SEEK_END);
    object.size = source.left = ftell(source.file);
    source.until = broken_after > 0 ? object.size - broken_after : 0;
    rewind(source.file);
    struct store_put *p = store_put_begin(store, client, &object, read_source, &source);
    while (!store_put_turn(p, &out)) {
        exchange_turn(client, 20);
        store_put_resume(p);
    }
    store_put_end(p);
    fclose(source.file);
    fprintf(stderr, "%lld bytes read\n", (long long)source.given);
    return say(&out);
}

static enum exchange_flow read_text(void *owner, char *data, size_t *len)
{
    struct str *left = owner;
    *len = *len < left->len ? *len : left->len;
    memcpy(data, left->data, *len);
    *left = str_skip(*left, *len);
    return EXCHANGE_GO;
}

#define LANES 16

struct lane {
    struct store_put *put;
    struct store_object object;
    char key[256];
    char text[32];
    struct str left;
};

static void fill_one(struct lane *l, const char *prefix, unsigned i)
{
    char digest[DIGEST_TEXT_MAX];
    snprintf(l->text, sizeof(l->text), "%u\n", i);
    l->left = str_from(l->text);
    l->object = (struct store_object){.size = (int64_t)l->left.len};
    l->object.digest.algorithm = DIGEST_SHA256;
    l->object.digest.size = 32;
    EVP_Digest(l->text, l->left.len, l->object.digest.bytes, NULL, EVP_sha256(), NULL);
    size_t n = digest_format(&l->object.digest, digest);
    snprintf(l->key, sizeof(l->key), "%s%.*s", prefix, (int)n, digest);
    l->object.key = str_from(l->key);
    l->put = store_put_begin(store, client, &l->object, read_text, &l->left);
}

static int fill(const char *prefix, unsigned n)
{
    struct lane lanes[LANES] = {{.put = NULL}};
    struct store_outcome out;
    unsigned done = 0, begun = 0;
    while (done < n) {
        for (size_t i = 0; i < LANES; i++) {
            struct lane *l = &lanes[i];
            if (l->put == NULL && begun < n)
                fill_one(l, prefix, begun++);
            if (l->put == NULL || !store_put_turn(l->put, &out))
                continue;
            store_put_end(l->put);
            l->put = NULL;
            done++;
            if (out.result != STORE_OK && out.result != STORE_THERE)
                return say(&out);
        }
        exchange_turn(client, 20);
    }
    return 0;
}

/* ── Commands ── */

static int set(const char *key, const char *path, bool replace)
{
    char *data;
    size_t len;
    struct store_outcome out;
    if (file_read(path, 1 << 20, &data, &len, NULL) != 0)
        return 2;
    store_set(store, client, &(struct store_set){str_from(key), str_make(data, len), replace},
              &out);
    free(data);
    return say(&out);
}

static int get(const char *key, const char *etag)
{
    struct store_content content;
    struct store_outcome out;
    store_get(store, client, &(struct store_get){str_from(key), etag, 1 << 20}, &content, &out);
    printf("%s\n", content.etag);
    if (content.len > 0)
        fwrite(content.data, 1, content.len, stdout);
    free(content.data);
    return say(&out);
}

static int run(int n, char **words)
{
    struct store_outcome out;
    const char *what = words[0], *key = n > 1 ? words[1] : "";
    if (strcmp(what, "put") == 0 && n == 4)
        return put(key, words[2], words[3], 0);
    if (strcmp(what, "break") == 0 && n == 5)
        return put(key, words[2], words[3], atoll(words[4]));
    if (strcmp(what, "fill") == 0 && n == 3)
        return fill(key, (unsigned)atoi(words[2]));
    if (strcmp(what, "set") == 0 || strcmp(what, "replace") == 0)
        return set(key, words[2], strcmp(what, "replace") == 0);
    if (strcmp(what, "get") == 0)
        return get(key, n > 2 ? words[2] : NULL);
    if (strcmp(what, "list") == 0)
        store_list(store, client,
                   &(struct store_list){.prefix = str_from(key), .each = print_key, .owner = NULL},
                   &out);
    else if (strcmp(what, "read") == 0)
        store_read(store, client, &(struct store_read){str_from(key), print_data, NULL}, &out);
    else if (strcmp(what, "tidy") == 0)
        store_tidy(store, client, &out);
    else
        return 2;
    return say(&out);
}

int main(int argc, char **argv)
{
    char error[256];
    const char *why;
    signal(SIGPIPE, SIG_IGN);
    if (argc < 3)
        return 2;
    store = store_open(argv[1], error);
    if (store == NULL) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    client = exchange_client_new(&stop, &why);
    if (client == NULL) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    int code = run(argc - 2, argv + 2);
    exchange_client_free(client);
    store_close(store);
    return code;
}
