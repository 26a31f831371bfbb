#include "mirror/s3.h"

#include "mirror/s3_call.h"
#include "mirror/s3_put.h"
#include "mirror/s3_url.h"
#include "sys/clock.h"
#include "sys/xalloc.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SWAPPED_MAX 65536 /* of what is there before */

static void s3_close(void *store)
{
    struct s3 *s = store;
    s3_url_release(s);
    free(s);
}

static void *s3_open(const struct store_kind_url *url, char name[STORE_KIND_NAME_MAX],
                     char error[256])
{
    struct s3 *s = xalloc_zero(1, sizeof(*s));
    if (!s3_url_read(url, s, error)) {
        s3_close(s);
        return NULL;
    }
    snprintf(name, STORE_KIND_NAME_MAX, "%s", s->name);
    return s;
}

static int64_t s3_ahead(void *store)
{
    struct s3 *s = store;
    return atomic_load(&s->ahead);
}

static void not_understood(const struct s3 *s, const char *why, struct store_outcome *out)
{
    store_kind_say(out, STORE_FAILED, s->name, "it answers what is not understood: %s: is it S3?",
                   why);
}

/* ── Listing ── */

#define SMALL (1 << 20) /* bytes of a page: of larger ones there is one at a time */

static pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;

#define EMPTY_MAX 1000 /* pages in a row without a key: of what was deleted */

struct listing {
    const struct s3 *s3;
    const struct store_list *list;
    char *prefix; /* with the store's, as what follows */
    char *after;
    size_t n;                         /* keys of this page */
    unsigned empty;                   /* pages in a row without one */
    bool goes_back;                   /* a page begins before the end of the one before it */
    char last[S3_ANSWER_KEY_MAX + 1]; /* key */
};

/* Keys come in their order: a listing that does not go on in it may have no end. */
static void note_key(struct listing *l, struct str key)
{
    if (l->n++ == 0 && l->last[0] != '\0' && strcmp(key.data, l->last) <= 0)
        l->goes_back = true;
    memcpy(l->last, key.data, key.len + 1);
}

static bool goes_on(struct listing *l)
{
    l->empty = l->n == 0 ? l->empty + 1 : 0;
    l->n = 0;
    return !l->goes_back && l->empty <= EMPTY_MAX;
}

static bool listed(void *owner, struct str key, int64_t size)
{
    struct listing *l = owner;
    struct str prefix = str_from(l->s3->prefix);
    note_key(l, key);
    /* A store that answers more than it was asked for is not believed. */
    if (!str_starts(key, prefix) || !str_starts(str_skip(key, prefix.len), l->list->prefix))
        return true;
    return l->list->each(l->list->owner, str_skip(key, prefix.len), size);
}

/* True: there is another page, and *page says which. */
static bool list_page(struct listing *l, struct exchange_client *c, struct s3_answer_list *page,
                      struct store_outcome *out)
{
    const char *why;
    struct s3_call call;
    struct s3 *s = (struct s3 *)(uintptr_t)l->s3;
    const struct sigv4_pair more_keys = {STR("continuation-token"), str_from(page->token)};
    const struct sigv4_pair after = {STR("start-after"), str_from(l->after)};
    const struct sigv4_pair query[] = {{STR("list-type"), STR("2")},
                                       {STR("prefix"), str_from(l->prefix)},
                                       {STR("encoding-type"), STR("url")},
                                       page->token[0] != '\0' ? more_keys : after};
    struct s3_call_want want = {.method = "GET",
                                .query = query,
                                .n_query = query[3].value.len > 0 ? 4 : 3,
                                .max_bytes = SMALL};
    if (!s3_call_run(&call, s, c, &want, out))
        return false;
    bool is_large = call.x->too_long;
    if (is_large) {
        s3_call_end(&call);
        want.max_bytes = S3_ANSWER_BYTES_MAX;
        pthread_mutex_lock(&large);
        if (!s3_call_run(&call, s, c, &want, out)) {
            pthread_mutex_unlock(&large);
            return false;
        }
    }
    s3_call_outcome(&call, out);
    if (out->result == STORE_MISSING)
        not_understood(s, "HTTP 404 to a listing", out);
    bool more = false;
    if (out->result == STORE_OK) {
        if (s3_answer_list(s3_call_body(&call), listed, l, page, &why))
            more = page->more && !page->ended;
        else
            not_understood(s, why, out);
    }
    s3_call_end(&call);
    if (is_large)
        pthread_mutex_unlock(&large);
    return more;
}

static void s3_list(void *store, struct exchange_client *c, const struct store_list *list,
                    struct store_outcome *out)
{
    struct s3 *s = store;
    struct listing *l = xalloc_zero(1, sizeof(*l));
    struct s3_answer_list *page = xalloc_zero(1, sizeof(*page));
    char token[S3_ANSWER_TOKEN_MAX] = "";
    l->s3 = s;
    l->list = list;
    l->prefix = xalloc_format("%s%.*s", s->prefix, (int)list->prefix.len, list->prefix.data);
    l->after = list->after.len == 0
                   ? xalloc_text("")
                   : xalloc_format("%s%.*s", s->prefix, (int)list->after.len, list->after.data);
    while (list_page(l, c, page, out)) {
        if (strcmp(token, page->token) == 0 || !goes_on(l)) {
            not_understood(s, "a list whose pages do not end", out);
            break;
        }
        memcpy(token, page->token, sizeof(token));
    }
    free(l->prefix);
    free(l->after);
    free(l);
    free(page);
}

/* ── Reading ── */

struct gathering {
    struct store_content *content;
    size_t most;
    bool too_long;
};

static enum exchange_flow gather(void *owner, const char *data, size_t len)
{
    struct gathering *g = owner;
    g->too_long = len > g->most - g->content->len;
    if (g->too_long)
        return EXCHANGE_STOP;
    char *grown = realloc(g->content->data, g->content->len + len + 1);
    if (grown == NULL)
        return EXCHANGE_STOP;
    memcpy(grown + g->content->len, data, len);
    g->content->data = grown;
    g->content->len += len;
    grown[g->content->len] = '\0';
    return EXCHANGE_GO;
}

static void finish_get(struct s3_call *call, struct gathering *g, struct store_outcome *out)
{
    const char *etag = exchange_header(call->x, "ETag", 0);
    s3_call_outcome(call, out);
    if (out->result == STORE_OK && etag != NULL)
        snprintf(g->content->etag, sizeof(g->content->etag), "%.127s", etag);
    if (out->result == STORE_OK && g->content->data == NULL)
        g->content->data = xalloc_text("");
    if (out->result == STORE_OK)
        return;
    free(g->content->data);
    memset(g->content, 0, sizeof(*g->content));
}

static void s3_get(void *store, struct exchange_client *c, const struct store_get *get,
                   struct store_content *content, struct store_outcome *out)
{
    struct s3 *s = store;
    struct s3_call call;
    struct gathering g = {content, get->most, false};
    const struct sigv4_pair headers[] = {
        {STR("if-none-match"), str_from(get->etag != NULL ? get->etag : "")}};
    const struct s3_call_want want = {.method = "GET",
                                      .key = get->key,
                                      .headers = headers,
                                      .n_headers = get->etag != NULL,
                                      .write = gather,
                                      .owner = &g};
    if (!s3_call_run(&call, s, c, &want, out))
        return;
    finish_get(&call, &g, out);
    if (g.too_long)
        store_kind_say(out, STORE_FAILED, s->name,
                       "%.*s: more than the %zu bytes that are expected",
                       (int)(get->key.len < 100 ? get->key.len : 100), get->key.data, get->most);
    s3_call_end(&call);
}

static void s3_read(void *store, struct exchange_client *c, const struct store_read *read,
                    struct store_outcome *out)
{
    struct s3_call call;
    const struct s3_call_want want = {
        .method = "GET", .key = read->key, .write = read->write, .owner = read->owner};
    if (!s3_call_run(&call, store, c, &want, out))
        return;
    s3_call_outcome(&call, out);
    out->delay = s3_call_delay(&call);
    s3_call_end(&call);
}

/* ── Small objects ── */

static bool is_there(struct s3 *s, struct exchange_client *c, struct str key,
                     struct store_outcome *out)
{
    struct s3_call call;
    if (!s3_call_run(&call, s, c, &(struct s3_call_want){.method = "HEAD", .key = key}, out))
        return true;
    s3_call_outcome(&call, out);
    s3_call_end(&call);
    if (out->result == STORE_OK)
        store_kind_end(out, STORE_THERE);
    /* Without the right to list, what is not there is forbidden. */
    return out->result == STORE_THERE || out->result == STORE_RETRY;
}

/* True: once more, because the server does not know If-None-Match. */
static bool try_set(struct s3 *s, struct exchange_client *c, const struct store_set *set,
                    struct store_outcome *out)
{
    struct s3_call call;
    uint8_t hash[32];
    char checksum[S3_CALL_CHECKSUM_MAX];
    bool conditional = !set->replace && !atomic_load(&s->unconditional);
    if (!set->replace && !conditional && is_there(s, c, set->key, out))
        return false;
    EVP_Digest(set->content.data, set->content.len, hash, NULL, EVP_sha256(), NULL);
    s3_call_checksum(hash, checksum);
    const struct sigv4_pair headers[] = {{STR("x-amz-checksum-sha256"), str_from(checksum)},
                                         {STR("if-none-match"), STR("*")}};
    const struct s3_call_want want = {.method = "PUT",
                                      .key = set->key,
                                      .headers = headers,
                                      .n_headers = conditional ? 2 : 1,
                                      .body = set->content};
    if (!s3_call_run(&call, s, c, &want, out))
        return false;
    s3_call_outcome(&call, out);
    out->delay = s3_call_delay(&call);
    bool again = conditional && call.x->status == 501;
    if (again)
        atomic_store(&s->unconditional, true);
    s3_call_end(&call);
    return again;
}

static void s3_set(void *store, struct exchange_client *c, const struct store_set *set,
                   struct store_outcome *out)
{
    if (try_set(store, c, set, out))
        try_set(store, c, set, out);
}

static void s3_remove(void *store, struct exchange_client *c, struct str key,
                      struct store_outcome *out)
{
    struct s3_call call;
    if (!s3_call_run(&call, store, c, &(struct s3_call_want){.method = "DELETE", .key = key}, out))
        return;
    s3_call_outcome(&call, out);
    s3_call_end(&call);
}

/* ── Swapping ── */

/* Is what is there what is to be replaced? *out says how that ended, if not. */
static bool is_same(struct s3 *s, struct exchange_client *c, const struct store_swap *swap,
                    struct store_outcome *out)
{
    struct store_content content = {.data = NULL};
    s3_get(s, c, &(struct store_get){swap->key, NULL, SWAPPED_MAX}, &content, out);
    bool same = out->result == STORE_OK        ? strcmp(content.etag, swap->etag) == 0
                : out->result == STORE_MISSING ? swap->etag[0] == '\0'
                                               : false;
    if (!same && (out->result == STORE_OK || out->result == STORE_MISSING))
        store_kind_end(out, STORE_THERE);
    free(content.data);
    return same;
}

/* How the condition is said: as everybody has it; as old radosgws do, which compare with the ETag
 * without its quotes; not at all. */
enum form { QUOTED, BARE, NONE };

static struct sigv4_pair condition(const struct store_swap *swap, enum form form)
{
    struct str etag = str_from(swap->etag);
    if (etag.len == 0)
        return (struct sigv4_pair){STR("if-none-match"), STR("*")};
    if (form == BARE && etag.len > 2 && etag.data[0] == '"')
        etag = str_make(etag.data + 1, etag.len - 2);
    return (struct sigv4_pair){STR("if-match"), etag};
}

/* True: the server does not know the condition. */
static bool try_swap(struct s3 *s, struct exchange_client *c, const struct store_swap *swap,
                     enum form form, struct store_outcome *out)
{
    struct s3_call call;
    char age[32];
    bool conditional = form != NONE && !atomic_load(&s->unconditional);
    snprintf(age, sizeof(age), "max-age=%u", swap->max_age);
    const struct sigv4_pair headers[] = {{STR("cache-control"), str_from(age)},
                                         condition(swap, form)};
    const struct s3_call_want want = {.method = "PUT",
                                      .key = swap->key,
                                      .headers = headers,
                                      .n_headers = conditional ? 2 : 1,
                                      .body = swap->content};
    if (!s3_call_run(&call, s, c, &want, out))
        return false;
    s3_call_outcome(&call, out);
    bool unknown = conditional && call.x->status == 501;
    if (unknown)
        atomic_store(&s->unconditional, true);
    /* With If-Match, what has gone meanwhile is 404. */
    if (out->result == STORE_MISSING)
        store_kind_end(out, STORE_THERE);
    s3_call_end(&call);
    return unknown;
}

/* Who says that something else is there, when it is the same, has not understood. */
static void s3_swap(void *store, struct exchange_client *c, const struct store_swap *swap,
                    struct store_outcome *out)
{
    struct s3 *s = store;
    for (int form = atomic_load(&s->unconditional) ? NONE : QUOTED; form <= NONE; form++) {
        if (form != QUOTED && !is_same(s, c, swap, out))
            return;
        if (!try_swap(s, c, swap, (enum form)form, out) && out->result != STORE_THERE)
            return;
    }
}

/* ── What earlier runs left ── */

struct tidying {
    struct s3 *s3;
    struct exchange_client *client;
    int64_t before;
    struct store_outcome *out;
};

/* The bucket may be somebody else's, too: only what is named like a blob of ours. */
static bool is_ours(const struct s3 *s, struct str key)
{
    struct digest d;
    size_t slash = str_find_last(key, '/');
    return str_starts(key, str_from(s->prefix)) &&
           digest_parse(str_skip(key, slash < key.len ? slash + 1 : 0), &d) == DIGEST_OK;
}

static void tidy_upload(void *owner, const struct s3_answer_upload *upload)
{
    struct tidying *t = owner;
    struct s3_call call;
    struct str key = str_from(upload->key);
    const struct sigv4_pair query[] = {{STR("uploadId"), str_from(upload->id)}};
    if (t->out->result != STORE_OK || upload->initiated == 0 || upload->initiated > t->before ||
        !is_ours(t->s3, key))
        return;
    const struct s3_call_want want = {.method = "DELETE",
                                      .key = str_skip(key, strlen(t->s3->prefix)),
                                      .query = query,
                                      .n_query = 1};
    if (!s3_call_run(&call, t->s3, t->client, &want, t->out))
        return;
    s3_call_outcome(&call, t->out);
    if (t->out->result == STORE_MISSING)
        store_kind_end(t->out, STORE_OK);
    s3_call_end(&call);
}

static bool tidy_page(struct tidying *t, struct s3_answer_uploads *page)
{
    const char *why;
    struct s3_call call;
    const struct sigv4_pair query[] = {{STR("uploads"), STR("")},
                                       {STR("prefix"), str_from(t->s3->prefix)},
                                       {STR("key-marker"), str_from(page->key_marker)},
                                       {STR("upload-id-marker"), str_from(page->id_marker)}};
    const struct s3_call_want want = {.method = "GET",
                                      .query = query,
                                      .n_query = page->key_marker[0] != '\0' ? 4 : 2,
                                      .max_bytes = S3_ANSWER_BYTES_MAX};
    if (!s3_call_run(&call, t->s3, t->client, &want, t->out))
        return false;
    s3_call_outcome(&call, t->out);
    bool more = false;
    if (t->out->result == STORE_OK) {
        if (s3_answer_uploads(s3_call_body(&call), tidy_upload, t, page, &why))
            more = page->more && t->out->result == STORE_OK;
        else
            not_understood(t->s3, why, t->out);
    }
    s3_call_end(&call);
    return more;
}

static void s3_tidy(void *store, struct exchange_client *c, struct store_outcome *out)
{
    struct s3 *s = store;
    struct s3_answer_uploads *page = xalloc_zero(1, sizeof(*page));
    struct tidying t = {s, c, clock_wall() + atomic_load(&s->ahead) - STORE_KIND_LEFT_S, out};
    struct s3_answer_uploads before = {.more = false};
    /* A list that does not go on may have no end; ids of one key come in an order of their own. */
    for (unsigned same = 0; tidy_page(&t, page) && same < EMPTY_MAX; before = *page) {
        int order = strcmp(page->key_marker, before.key_marker);
        if (order < 0 || (order == 0 && strcmp(before.id_marker, page->id_marker) == 0))
            break;
        same = order == 0 ? same + 1 : 0;
    }
    free(page);
}

const struct store_kind s3_kind = {
    .scheme = "s3",
    .form = "s3://BUCKET[/PREFIX][?region=R&endpoint=URL]",
    .by_prefix = true,
    .open = s3_open,
    .close = s3_close,
    .ahead = s3_ahead,
    .list = s3_list,
    .get = s3_get,
    .read = s3_read,
    .set = s3_set,
    .swap = s3_swap,
    .remove = s3_remove,
    .tidy = s3_tidy,
    .put_begin = s3_put_begin,
    .put_turn = s3_put_turn,
    .put_resume = s3_put_resume,
    .put_end = s3_put_end,
};
