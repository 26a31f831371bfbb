#include "mirror/copy.h"

#include "mirror/manifest.h"
#include "mirror/retry.h"
#include "sys/clock.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RING_MAX (256 * 1024) /* a power of two */
#define RESUMPTIONS 5         /* of a source that breaks off */
#define TURN_MS 500

struct feed {
    struct copying *copying;
    struct copy_target *target;
    struct store_put *put;
    struct store_object object;
    int64_t taken; /* bytes that it has */
    bool hungry;   /* it was told LATER */
    bool ended;
};

struct copying {
    struct copy *copy;
    struct exchange_client *client;
    struct registry_read *read;
    EVP_MD_CTX *hash;
    int64_t size; /* -1: not known yet */
    int64_t got;  /* bytes that came */
    bool full;    /* the source was told LATER */
    bool opened;  /* the stores have been told of it */
    bool verified;
    const char *wrong; /* what is wrong with the source for good */
    unsigned resumptions;
    struct feed feed[COPY_TARGETS_MAX];
    char *ring; /* once the size is known; NULL: of an empty blob, too */
    size_t room;
};

/* ── The ring ── */

static int64_t slowest(const struct copying *c)
{
    int64_t least = c->got;
    for (size_t i = 0; i < c->copy->n_targets; i++)
        if (!c->feed[i].ended && c->feed[i].taken < least)
            least = c->feed[i].taken;
    return least;
}

/* No more than the blob needs. False: no memory. */
static bool make_ring(struct copying *c)
{
    c->room = 1;
    while (c->room < RING_MAX && (int64_t)c->room < c->size)
        c->room *= 2;
    c->ring = malloc(c->room);
    return c->ring != NULL;
}

static void put_in(struct copying *c, const char *data, size_t len)
{
    size_t at = (size_t)c->got & (c->room - 1);
    size_t first = len < c->room - at ? len : c->room - at;
    memcpy(c->ring + at, data, first);
    memcpy(c->ring, data + first, len - first);
    c->got += (int64_t)len;
}

static void take_out(const struct copying *c, int64_t from, char *data, size_t len)
{
    size_t at = (size_t)from & (c->room - 1);
    size_t first = len < c->room - at ? len : c->room - at;
    memcpy(data, c->ring + at, first);
    memcpy(data + first, c->ring, len - first);
}

/* ── The stores' side ── */

/* How many bytes it may have now: not the last before all of them are verified. */
static size_t left_for(const struct feed *f)
{
    const struct copying *c = f->copying;
    int64_t end = c->verified || c->got < c->size ? c->got : c->size - 1;
    return (size_t)(end > f->taken ? end - f->taken : 0);
}

static enum exchange_flow feed_some(void *owner, char *data, size_t *len)
{
    struct feed *f = owner;
    const struct copying *c = f->copying;
    size_t left = left_for(f);
    if (left == 0 && f->taken < c->size) {
        f->hungry = true;
        return EXCHANGE_LATER;
    }
    if (*len > left)
        *len = left;
    take_out(c, f->taken, data, *len);
    f->taken += (int64_t)*len;
    return EXCHANGE_GO;
}

static void open_stores(struct copying *c)
{
    c->opened = true;
    for (size_t i = 0; i < c->copy->n_targets; i++) {
        struct feed *f = &c->feed[i];
        f->copying = c;
        f->target = &c->copy->target[i];
        f->object =
            (struct store_object){f->target->key, c->copy->blob.digest, c->size, c->copy->replace};
        f->ended = f->target->done;
        if (f->ended)
            continue;
        f->put = store_put_begin(f->target->store, c->client, &f->object, feed_some, f);
        if (f->put == NULL) {
            f->ended = true;
            f->target->outcome = (struct store_outcome){.result = STORE_RETRY};
            snprintf(f->target->outcome.error, sizeof(f->target->outcome.error), "out of memory");
        }
    }
}

static void turn_stores(struct copying *c)
{
    for (size_t i = 0; i < c->copy->n_targets; i++) {
        struct feed *f = &c->feed[i];
        if (f->put == NULL || f->ended)
            continue;
        f->ended = store_put_turn(f->put, &f->target->outcome);
        enum store_result result = f->target->outcome.result;
        f->target->done = f->ended && (result == STORE_OK || result == STORE_THERE);
    }
}

/* Only those that get something: waking one for nothing would make a loop without a wait of it. */
static void wake_stores(struct copying *c)
{
    for (size_t i = 0; i < c->copy->n_targets; i++) {
        struct feed *f = &c->feed[i];
        if (f->ended || !f->hungry || (left_for(f) == 0 && f->taken < c->size))
            continue;
        f->hungry = false;
        store_put_resume(f->put);
    }
}

static bool stores_ended(const struct copying *c)
{
    for (size_t i = 0; i < c->copy->n_targets; i++)
        if (!c->feed[i].ended)
            return false;
    return true;
}

/* ── The source's side ── */

/* The first bytes: now its size is known, or it is not what was said. */
static bool learn_size(struct copying *c)
{
    int64_t said = registry_read_size(c->read);
    if (c->size >= 0 && said >= 0 && said != c->size)
        c->wrong = "the registry says another size than the manifest";
    else if (c->size < 0 && said < 0)
        c->wrong = "the registry does not say how long the blob is";
    else if (said > MANIFEST_BLOB_MAX)
        c->wrong = "the registry says that the blob is longer than any store takes";
    if (c->size < 0)
        c->size = said;
    return c->wrong == NULL;
}

static enum exchange_flow take_some(void *owner, const char *data, size_t len)
{
    struct copying *c = owner;
    if (!c->opened && !learn_size(c))
        return EXCHANGE_STOP;
    if ((int64_t)len > c->size - c->got) {
        c->wrong = "the blob is longer than it should be";
        return EXCHANGE_STOP;
    }
    if (!c->opened && !make_ring(c)) {
        c->wrong = "out of memory";
        return EXCHANGE_STOP;
    }
    if (!c->opened) /* never for an empty one, which a store would have whole at once */
        open_stores(c);
    if (len > c->room - (size_t)(c->got - slowest(c))) {
        c->full = true;
        return EXCHANGE_LATER;
    }
    if (EVP_DigestUpdate(c->hash, data, len) != 1) {
        c->wrong = "out of memory";
        return EXCHANGE_STOP;
    }
    put_in(c, data, len);
    atomic_fetch_add_explicit(&c->copy->got, len, memory_order_relaxed);
    if (c->copy->bytes != NULL)
        atomic_fetch_add_explicit(c->copy->bytes, len, memory_order_relaxed);
    return EXCHANGE_GO;
}

static void fail(struct copying *c, enum registry_result result, const char *why)
{
    struct registry_outcome *out = &c->copy->outcome;
    out->result = result;
    snprintf(out->error, sizeof(out->error), "%s", why);
}

/* All bytes have come: are they the right ones? */
static bool verify(struct copying *c)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const struct digest *d = &c->copy->blob.digest;
    if (c->size >= 0 && c->got < c->size) {
        fail(c, REGISTRY_RETRY, "the blob is shorter than it should be");
        return false;
    }
    if (EVP_DigestFinal_ex(c->hash, bytes, &size) != 1 || size != d->size ||
        memcmp(bytes, d->bytes, size) != 0) {
        /* What was put together from pieces may come right in one. */
        fail(c, c->resumptions > 0 ? REGISTRY_RETRY : REGISTRY_FAILED,
             "the registry serves other bytes than the digest names");
        return false;
    }
    c->verified = true;
    return true;
}

/* A moment's patience, during which the stores go on. */
static bool wait_before_retry(struct copying *c, int64_t ms)
{
    int64_t until = clock_now() + ms * CLOCK_MS;
    while (clock_now() < until && !stores_ended(c)) {
        if (c->copy->stop != NULL && atomic_load(c->copy->stop))
            return false;
        int64_t left = (until - clock_now()) / CLOCK_MS;
        exchange_turn(c->client, left < 50 ? (int)left + 1 : 50);
        turn_stores(c);
    }
    return true;
}

static bool begin_read(struct copying *c)
{
    registry_read_end(c->read);
    c->full = false;
    c->read = registry_read_begin(c->copy->source, c->client, &c->copy->blob, c->got, take_some, c);
    if (c->read == NULL)
        fail(c, REGISTRY_RETRY, "out of memory");
    return c->read != NULL;
}

/* The source has ended: false, if the copy cannot go on. */
static bool source_ended(struct copying *c)
{
    struct registry_outcome *out = &c->copy->outcome;
    if (c->wrong != NULL) {
        fail(c, REGISTRY_FAILED, c->wrong);
        return false;
    }
    if (out->result == REGISTRY_OK) {
        if (!c->opened) { /* an empty blob: no byte has come */
            if (c->size > 0) {
                fail(c, REGISTRY_RETRY, "the blob is shorter than it should be");
                return false;
            }
            c->size = 0;
            if (!verify(c))
                return false;
            open_stores(c);
            return true;
        }
        if (!verify(c))
            return false;
        wake_stores(c);
        return true;
    }
    /* One that is too slow takes a minute to show it: it is resumed once. */
    c->resumptions += out->slow ? (RESUMPTIONS + 1) / 2 : 1;
    bool again = out->result == REGISTRY_RETRY && c->got > 0 && c->resumptions <= RESUMPTIONS;
    return again &&
           wait_before_retry(c, retry_delay(c->resumptions, out->after, (uint64_t)clock_now())) &&
           begin_read(c);
}

static void wake(struct copying *c)
{
    if (c->full && (size_t)(c->got - slowest(c)) <= c->room / 2) {
        c->full = false;
        registry_read_resume(c->read);
    }
    wake_stores(c);
}

static bool run(struct copying *c)
{
    bool reading = true;
    while (reading || !stores_ended(c)) {
        if (c->copy->stop != NULL && atomic_load(c->copy->stop)) {
            fail(c, REGISTRY_RETRY, "broken off");
            return false;
        }
        exchange_turn(c->client, TURN_MS);
        if (reading && registry_read_turn(c->read, &c->copy->outcome)) {
            if (!source_ended(c))
                return false;
            reading = !c->verified;
        }
        if (c->opened)
            turn_stores(c);
        if (c->opened && stores_ended(c))
            return true; /* whatever the source still has to say */
        wake(c);
    }
    return true;
}

bool copy_run(struct copy *copy, struct exchange_client *client)
{
    bool all = true;
    struct copying *c = calloc(1, sizeof(*c));
    copy->outcome = (struct registry_outcome){.result = REGISTRY_RETRY, .error = "out of memory"};
    if (c == NULL)
        return false;
    c->copy = copy;
    c->client = client;
    c->size = copy->blob.size;
    c->hash = EVP_MD_CTX_new();
    const EVP_MD *md = copy->blob.digest.algorithm == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
    bool ran =
        c->hash != NULL && EVP_DigestInit_ex(c->hash, md, NULL) == 1 && begin_read(c) && run(c);
    for (size_t i = 0; i < copy->n_targets; i++) {
        store_put_end(c->feed[i].put);
        all &= copy->target[i].done;
    }
    registry_read_end(c->read);
    EVP_MD_CTX_free(c->hash);
    free(c->ring);
    free(c);
    return ran && all;
}

void copy_answers(const struct copy *c, struct crew_result *result)
{
    const struct registry_outcome *source = &c->outcome;
    if (source->throttled || source->result == REGISTRY_OK || source->result == REGISTRY_MISSING)
        crew_answer(result, c->server, source->throttled, source->delay);
    for (size_t i = 0; i < c->n_targets; i++) {
        const struct copy_target *t = &c->target[i];
        if (t->done || t->outcome.throttled)
            crew_answer(result, t->server, t->outcome.throttled, t->outcome.delay);
    }
}

struct store_outcome copy_failure(const struct copy *c)
{
    struct store_outcome out = {.result = STORE_OK};
    if (c->outcome.result != REGISTRY_OK) {
        out.result = c->outcome.result == REGISTRY_RETRY ? STORE_RETRY : STORE_FAILED;
        out.after = c->outcome.after;
        memcpy(out.error, c->outcome.error, sizeof(out.error));
        return out;
    }
    for (size_t i = 0; i < c->n_targets; i++)
        if (!c->target[i].done && out.result != STORE_FAILED)
            out = c->target[i].outcome;
    return out;
}
