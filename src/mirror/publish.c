#include "mirror/publish.h"

#include "mirror/blob_set.h"
#include "mirror/inventory.h"
#include "mirror/retired.h"
#include "mirror/retry.h"
#include "sys/clock.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_MOST 4096 /* bytes of what stands in its place */
#define ROUNDS 16         /* of looking at the pointer and replacing it */
#define TICK (20 * CLOCK_MS)
#define TURN_MS 50

struct publish {
    const struct publish_options *o;
    struct publish_outcome *out;
    struct exchange_client *client;
    struct blob_set *set;
    struct blob_set *left_out; /* as listings name it: some of it several times */
    struct blob_index_pointer ours;
    struct blob_index_pointer before; /* what was replaced; time of -1: nothing that can be read */
    struct blob_index_pointer now;    /* what stands there, the same */
    char etag[128];                   /* of that; "": nothing stands there */
    unsigned swaps;                   /* that came to STORE_RETRY */
};

static void fail(struct publish *p, const char *why)
{
    if (!atomic_load(p->o->stop))
        report_failure(p->o->report, store_name(p->o->store), why);
}

/* After a call, *attempts of which have come to STORE_RETRY. True: once more, and it has been
 * waited for. */
static bool again(struct publish *p, unsigned *attempts, const struct store_outcome *out)
{
    if (out->result != STORE_RETRY || ++*attempts >= RETRY_ATTEMPTS || atomic_load(p->o->stop))
        return false;
    report_retry(p->o->report, out->error);
    exchange_sleep(p->client, retry_delay(*attempts, out->after, (uint64_t)clock_now()) * CLOCK_MS);
    return true;
}

/* ── The set ── */

static void listed(void *owner, const struct digest *d)
{
    struct publish *p = owner;
    bool leave = p->o->without != NULL && digests_find(p->o->without, d) != NULL;
    blob_set_add(leave ? p->left_out : p->set, d);
}

static void drop(struct crew_task *task)
{
    inventory_drop(task);
}

static bool list_blobs(struct publish *p)
{
    const char *why = "out of memory";
    const struct crew_queue_options queue = {.at_once = p->o->jobs};
    struct inventory v = {.store = &p->o->store,
                          .n_stores = 1,
                          .blobs = p->o->blobs,
                          .records = "",
                          .listed = listed,
                          .owner = p,
                          .report = p->o->report};
    v.crew = crew_new(&(struct crew_options){.threads = p->o->jobs,
                                             .queues = &queue,
                                             .n_queues = 1,
                                             .places = &p->o->jobs,
                                             .n_servers = 1,
                                             .stop = p->o->stop});
    bool ran = v.crew != NULL && inventory_begin(&v) && crew_run(v.crew, drop, &why);
    crew_free(v.crew);
    if (!ran)
        fail(p, why);
    return ran && atomic_load(&v.failed) == 0 && !atomic_load(p->o->stop);
}

static bool make_set(struct publish *p)
{
    char text[256];
    uint64_t left_out[BLOB_INDEX_KINDS];
    struct digest unused;
    p->ours.time = clock_wall();
    if (!list_blobs(p))
        return false;
    int error = blob_set_close(p->set, p->ours.count, &p->ours.object);
    if (error == 0)
        error = blob_set_close(p->left_out, left_out, &unused);
    if (error == 0) {
        p->out->left_out = left_out[0] + left_out[1];
        return true;
    }
    snprintf(text, sizeof(text),
             "the listing cannot be sorted: %s: make room in $TMPDIR (or /tmp), or name another",
             strerror(error));
    fail(p, text);
    return false;
}

static enum exchange_flow read_set(void *owner, char *data, size_t *len)
{
    return blob_set_read(owner, data, len) == 0 && *len > 0 ? EXCHANGE_GO : EXCHANGE_STOP;
}

static void put_set(struct publish *p, const struct store_object *object, struct store_outcome *out)
{
    struct store_put *put = NULL;
    if (blob_set_rewind(p->set) == 0)
        put = store_put_begin(p->o->store, p->client, object, read_set, p->set);
    *out = (struct store_outcome){.result = STORE_RETRY, .error = "out of memory"};
    while (put != NULL && !store_put_turn(put, out))
        exchange_turn(p->client, TURN_MS);
    store_put_end(put);
}

/* False: it has been reported. */
static bool look_for_set(struct publish *p, struct str key, int64_t *size)
{
    struct store_outcome out;
    unsigned attempts = 0;
    do {
        store_size(p->o->store, p->client, key, size, &out);
    } while (again(p, &attempts, &out));
    if (out.result == STORE_OK)
        return true;
    fail(p, out.error);
    return false;
}

static enum exchange_flow hash_piece(void *owner, const char *data, size_t len)
{
    return EVP_DigestUpdate(owner, data, len) == 1 ? EXCHANGE_GO : EXCHANGE_STOP;
}

static void hash_set(struct publish *p, struct str key, uint8_t hash[32], struct store_outcome *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool fine = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
    *out = (struct store_outcome){.result = STORE_RETRY, .error = "out of memory"};
    if (fine)
        store_read(p->o->store, p->client, &(struct store_read){key, hash_piece, md}, out);
    if (fine && out->result == STORE_OK && EVP_DigestFinal_ex(md, hash, NULL) != 1)
        *out = (struct store_outcome){.result = STORE_RETRY, .error = "out of memory"};
    EVP_MD_CTX_free(md);
}

/* *is_set: what lies there has the bytes that its name says. False: it has been reported. */
static bool check_set(struct publish *p, struct str key, bool *is_set)
{
    struct store_outcome out;
    unsigned attempts = 0;
    uint8_t hash[32];
    do {
        hash_set(p, key, hash, &out);
    } while (again(p, &attempts, &out));
    *is_set = out.result == STORE_OK && memcmp(hash, p->ours.object.bytes, sizeof(hash)) == 0;
    if (out.result == STORE_OK || out.result == STORE_MISSING)
        return true;
    fail(p, out.error);
    return false;
}

/* Sees to it that the set lies in the store; *was_there: it did before. False: it has been
 * reported. */
static bool store_set_once(struct publish *p, bool check, bool *was_there)
{
    struct store_outcome out;
    unsigned attempts = 0;
    char memory[STORE_DIGEST_KEY_MAX];
    struct str key = store_digest_key(BLOB_INDEX_DIRECTORY, &p->ours.object, memory);
    int64_t size = (int64_t)blob_index_size(p->ours.count), found;
    if (!look_for_set(p, key, &found))
        return false;
    *was_there = found == size;
    if (*was_there && check && !check_set(p, key, was_there))
        return false;
    if (*was_there)
        return true;
    const struct store_object object = {
        .key = key, .digest = p->ours.object, .size = size, .replace = found >= 0};
    do {
        put_set(p, &object, &out);
    } while (again(p, &attempts, &out));
    if (out.result == STORE_OK || out.result == STORE_THERE)
        return true;
    fail(p, out.error);
    return false;
}

/* ── The pointer ── */

static bool is_same_set(const struct blob_index_pointer *a, const struct blob_index_pointer *b)
{
    return a->time >= 0 && b->time >= 0 && memcmp(&a->object, &b->object, sizeof(a->object)) == 0;
}

static bool is_ours(const struct publish *p)
{
    return is_same_set(&p->now, &p->ours) && p->now.time == p->ours.time &&
           memcmp(p->now.count, p->ours.count, sizeof(p->ours.count)) == 0;
}

/* Who began to list in the same second may have seen more, or less. */
static bool is_newer(const struct publish *p)
{
    return p->now.time >= p->ours.time && p->now.time <= clock_wall() + PUBLISH_AHEAD_S;
}

/* False: it has been reported. */
static bool look(struct publish *p)
{
    struct store_outcome out;
    struct store_content content;
    unsigned attempts = 0;
    do {
        store_get(p->o->store, p->client,
                  &(struct store_get){STR(BLOB_INDEX_CURRENT), NULL, POINTER_MOST}, &content, &out);
    } while (again(p, &attempts, &out));
    if (out.result != STORE_OK && out.result != STORE_MISSING) {
        fail(p, out.error);
        return false;
    }
    memcpy(p->etag, content.etag, sizeof(p->etag));
    bool fine = out.result == STORE_OK &&
                blob_index_pointer_parse(str_make(content.data, content.len), &p->now) == NULL;
    if (!fine)
        p->now.time = -1;
    free(content.data);
    return true;
}

/* Puts our pointer in the place of what was looked at. False: it cannot be. */
static bool swap(struct publish *p)
{
    struct store_outcome out;
    char text[BLOB_INDEX_POINTER_MAX];
    const struct store_swap what = {.key = STR(BLOB_INDEX_CURRENT),
                                    .content =
                                        str_make(text, blob_index_pointer_format(&p->ours, text)),
                                    .etag = p->etag,
                                    .max_age = PUBLISH_MAX_AGE_S};
    p->before = p->now;
    store_swap(p->o->store, p->client, &what, &out);
    /* What came of it is seen when the pointer is looked at again. */
    if (out.result == STORE_OK || out.result == STORE_THERE || again(p, &p->swaps, &out))
        return true;
    fail(p, out.error);
    return false;
}

static enum publish_result point(struct publish *p)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!look(p))
            return PUBLISH_FAILED;
        if (is_ours(p))
            return is_same_set(&p->before, &p->ours) ? PUBLISH_SAME : PUBLISH_NEW;
        if (is_newer(p))
            return PUBLISH_YIELDED;
        if (!swap(p))
            return PUBLISH_FAILED;
    }
    fail(p, "its index is being replaced by others all the time: publish from fewer machines");
    return PUBLISH_FAILED;
}

/* So that who publishes twice in a second need not yield to himself. */
static bool pass_second(struct publish *p)
{
    if (!look(p))
        return false;
    p->before = p->now;
    while (p->now.time >= clock_wall() && p->now.time <= clock_wall() + 1 &&
           !atomic_load(p->o->stop))
        exchange_sleep(p->client, TICK);
    return true;
}

/* ── All of it ── */

/* A set that was replaced once and counts again was perhaps just to be removed. */
static bool make_sure(struct publish *p)
{
    bool was_there;
    return store_set_once(p, false, &was_there);
}

static enum publish_result publish(struct publish *p)
{
    bool was_there;
    struct store_outcome out;
    if (!pass_second(p) || !make_set(p) || !store_set_once(p, p->o->check, &was_there) || !look(p))
        return PUBLISH_FAILED;
    /* While this listed, others may have published, and retired it. */
    bool is_reused = was_there && !is_same_set(&p->now, &p->ours);
    if (is_reused)
        retired_revive(p->o->store, p->client, &p->ours.object, &out);
    enum publish_result result = point(p);
    if (result != PUBLISH_FAILED)
        p->out->pointer = p->now;
    if (result == PUBLISH_FAILED || result == PUBLISH_YIELDED)
        return result;
    if (is_reused && !make_sure(p))
        return PUBLISH_FAILED;
    retired_tidy(p->o->store, p->client, &p->before, &out);
    if (out.result != STORE_OK)
        snprintf(p->out->warning, sizeof(p->out->warning), "%s", out.error);
    return result;
}

void publish_run(const struct publish_options *o, struct publish_outcome *out)
{
    const char *why = "out of memory";
    *out = (struct publish_outcome){.result = PUBLISH_FAILED};
    struct publish p = {.o = o, .out = out, .before = {.time = -1}, .now = {.time = -1}};
    p.set = blob_set_new();
    p.left_out = blob_set_new();
    if (p.set != NULL && p.left_out != NULL)
        p.client = exchange_client_new(o->stop, &why);
    if (p.client != NULL)
        out->result = publish(&p);
    else
        fail(&p, why);
    exchange_client_free(p.client);
    blob_set_free(p.left_out);
    blob_set_free(p.set);
}
