#include "exist/index_load.h"

#include "client/fetch.h"
#include "exist/stores.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>

#define POINTER_MS 10000
#define SET_MS 120000
#define REDIRECTS 1
#define URL_MAX (STORES_URL_MAX + sizeof(BLOB_INDEX_DIRECTORY) + DIGEST_TEXT_MAX)

static void fail(struct index_load *l, enum exist_index_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct index_load *l, enum exist_index_failure failure, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(l->why, sizeof(l->why), format, arguments);
    va_end(arguments);
    l->failure = failure;
}

static void make_url(const struct index_load *l, struct str key, char out[URL_MAX])
{
    snprintf(out, URL_MAX, "%.*s%.*s", (int)l->base.len, l->base.data, (int)key.len, key.data);
}

/* False: it failed, or the answer has no status that is expected. */
static bool get(struct index_load *l, const struct fetch_request *request, struct str key,
                struct fetch_response *response)
{
    char error[256];
    if (!fetch_get(request, response, error)) {
        fail(l, EXIST_INDEX_FETCH, "%.*s cannot be fetched: %s", (int)key.len, key.data, error);
        return false;
    }
    long status = response->status;
    if (status == 200 || (status == 304 && request->etag != NULL))
        return true;
    if (status == 404 || status == 403)
        fail(l, EXIST_INDEX_MISSING, "%.*s is not there%s (%ld)", (int)key.len, key.data,
             status == 403 ? ", or not everybody may read it" : "", status);
    else
        fail(l, EXIST_INDEX_FETCH, "%.*s cannot be fetched: the store answered %ld, expected 200",
             (int)key.len, key.data, status);
    fetch_release(response);
    return false;
}

static enum index_load_result read_pointer(struct index_load *l,
                                           const struct fetch_response *response,
                                           struct blob_index_pointer *out)
{
    if (response->status == 304)
        return INDEX_LOAD_SAME;
    struct str text = str_make(response->body, response->len);
    const char *expected = blob_index_pointer_parse(text, out);
    if (expected != NULL) {
        fail(l, EXIST_INDEX_CORRUPT, BLOB_INDEX_CURRENT " is no pointer: expected %s", expected);
        return INDEX_LOAD_FAILED;
    }
    memcpy(l->etag, response->etag, sizeof(l->etag));
    return INDEX_LOAD_DONE;
}

enum index_load_result index_load_pointer(struct index_load *l, struct blob_index_pointer *out)
{
    char url[URL_MAX];
    struct fetch_response response = {0};
    make_url(l, STR(BLOB_INDEX_CURRENT), url);
    const struct fetch_request request = {
        .url = url,
        .timeout_ms = POINTER_MS,
        .connect_timeout_ms = POINTER_MS,
        .redirects = REDIRECTS,
        .max_bytes = BLOB_INDEX_POINTER_MAX,
        .etag = l->etag[0] != '\0' ? l->etag : NULL,
        .stop = l->stop,
    };
    if (!get(l, &request, STR(BLOB_INDEX_CURRENT), &response))
        return INDEX_LOAD_FAILED;
    enum index_load_result result = read_pointer(l, &response, out);
    fetch_release(&response);
    return result;
}

/* Is it what its name says, and what the pointer says of it? */
static bool check(struct index_load *l, struct index_set *s, const struct blob_index_pointer *p,
                  struct str key)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    const char *problem = NULL;
    if (SHA256(s->memory, s->size, hash) == NULL)
        problem = "its SHA-256 cannot be computed: out of memory";
    else if (memcmp(hash, p->object.bytes, sizeof(hash)) != 0)
        problem = "its SHA-256 is not the one that names it";
    else
        problem = index_set_open(s);
    if (problem == NULL && (s->index.n[0] != p->count[0] || s->index.n[1] != p->count[1]))
        problem = "it does not hold as many digests as " BLOB_INDEX_CURRENT " says";
    if (problem != NULL)
        fail(l, EXIST_INDEX_CORRUPT, "%.*s is corrupt: %s", (int)key.len, key.data, problem);
    return problem == NULL;
}

static bool fill(struct index_load *l, struct index_set *s, const struct blob_index_pointer *p)
{
    char url[URL_MAX], text[sizeof(BLOB_INDEX_DIRECTORY) + DIGEST_TEXT_MAX] = BLOB_INDEX_DIRECTORY;
    size_t len = sizeof(BLOB_INDEX_DIRECTORY) - 1;
    len += digest_format(&p->object, text + len);
    const struct str key = str_make(text, len);
    struct fetch_response response = {0};
    make_url(l, key, url);
    const struct fetch_request request = {
        .url = url,
        .timeout_ms = SET_MS,
        .connect_timeout_ms = POINTER_MS,
        .redirects = REDIRECTS,
        .into = s->memory,
        .max_bytes = s->size,
        .stop = l->stop,
    };
    if (!get(l, &request, key, &response))
        return false;
    size_t got = response.len;
    fetch_release(&response);
    if (got == s->size)
        return check(l, s, p, key);
    fail(l, EXIST_INDEX_CORRUPT, "%.*s has %zu bytes; expected %zu, as " BLOB_INDEX_CURRENT " says",
         (int)key.len, key.data, got, s->size);
    return false;
}

struct index_set *index_load_set(struct index_load *l, struct index_table *x,
                                 const struct blob_index_pointer *p)
{
    struct index_set *s = index_set_new(x, (size_t)blob_index_size(p->count));
    if (s == NULL) {
        fail(l, EXIST_INDEX_TOO_LARGE, "there is no memory for the index");
        return NULL;
    }
    s->object = p->object;
    atomic_store_explicit(&s->time, p->time, memory_order_relaxed);
    if (fill(l, s, p))
        return s;
    index_set_free(x, s);
    return NULL;
}
