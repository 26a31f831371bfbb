#include "exist/hasher.h"
#include "exist/prober.h"

#include "sys/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

const double exist_bucket_bound[EXIST_BUCKETS - 1] = {0.005, 0.01, 0.025, 0.05, 0.1,
                                                      0.25,  0.5,  1,     2.5};

/* ── Life ── */

static bool open_workers(struct exist *e)
{
    e->asker = aligned_alloc(_Alignof(struct asker), e->workers * sizeof(*e->asker));
    e->watch = calloc(e->workers, sizeof(*e->watch));
    if (e->asker == NULL)
        return false;
    memset(e->asker, 0, e->workers * sizeof(*e->asker)); /* exist_free() closes what it finds */
    for (unsigned i = 0; i < e->workers; i++)
        e->asker[i].bell.fd = -1;
    if (e->watch == NULL)
        return false;
    for (unsigned i = 0; i < e->workers; i++)
        if (!asker_open(&e->asker[i], e->queue) || !watch_open(&e->watch[i], STORES_MAX))
            return false;
    return true;
}

static bool open_all(struct exist *e, const struct exist_options *options, const char **why)
{
    *why = "not enough memory or descriptors for the existence cache";
    if (getrandom(&e->seed, sizeof(e->seed), 0) != (ssize_t)sizeof(e->seed) ||
        !cache_open(&e->cache, e->workers, options->memory) || !stores_open(&e->stores) ||
        !index_open(&e->indexes, e->workers + 1) || !open_workers(e) || !ring_bell_open(&e->bell))
        return false;
    e->prober = prober_new(e, why);
    return e->prober != NULL;
}

struct exist *exist_new(const struct exist_options *options, const char **why)
{
    struct exist *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        *why = "not enough memory for the existence cache";
        return NULL;
    }
    assert(options->workers > 0 && options->queue > 0 && options->store_requests > 0);
    e->bell.fd = -1;
    e->workers = options->workers;
    e->store_requests = options->store_requests;
    e->queue = options->queue;
    exist_configure(e, options);
    if (open_all(e, options, why))
        return e;
    exist_free(e);
    return NULL;
}

void exist_free(struct exist *e)
{
    if (e == NULL)
        return;
    index_thread_free(e->index_thread);
    prober_free(e->prober);
    for (unsigned i = 0; i < e->workers; i++) {
        if (e->watch != NULL)
            watch_close(&e->watch[i]);
        if (e->asker != NULL)
            asker_close(&e->asker[i]);
    }
    free(e->watch);
    free(e->asker);
    ring_bell_close(&e->bell);
    index_close(&e->indexes);
    stores_close(&e->stores);
    cache_close(&e->cache);
    free(e);
}

void exist_configure(struct exist *e, const struct exist_options *options)
{
    atomic_store_explicit(&e->present_ttl, options->present_ttl, memory_order_relaxed);
    atomic_store_explicit(&e->absent_ttl, options->absent_ttl, memory_order_relaxed);
    atomic_store_explicit(&e->error_ttl, options->error_ttl, memory_order_relaxed);
    atomic_store_explicit(&e->head_timeout, options->head_timeout, memory_order_relaxed);
    atomic_store_explicit(&e->index_refresh, options->index_refresh, memory_order_relaxed);
    atomic_store_explicit(&e->index_max_age, options->index_max_age, memory_order_relaxed);
    atomic_store_explicit(&e->index_memory, options->index_memory, memory_order_relaxed);
}

bool exist_follow(struct exist *e, const uint32_t *stores, size_t n)
{
    if (n == 0 && e->index_thread == NULL)
        return true;
    if (e->index_thread == NULL)
        e->index_thread = index_thread_new(e);
    return e->index_thread != NULL && index_thread_follow(e->index_thread, stores, n);
}

uint32_t exist_store(struct exist *e, struct str objects_url)
{
    return stores_number(&e->stores, objects_url, false);
}

uint32_t exist_store_of_paths(struct exist *e, struct str url)
{
    return stores_number(&e->stores, url, true);
}

/* ── For workers ── */

static struct key key_make(const struct exist *e, uint32_t store, const struct digest *d)
{
    assert(store < STORES_MAX && (d->size == 32 || d->size == 64));
    return (struct key){key_hash(e->seed, store, d), store, *d};
}

enum exist_state exist_lookup(struct exist *e, unsigned worker, uint32_t store,
                              const struct digest *d, int64_t now)
{
    const struct key key = key_make(e, store, d);
    if (stores_is_down(&e->stores, store))
        return EXIST_DOWN;
    if (index_has(&e->indexes, store, d, now))
        return EXIST_PRESENT;
    return cache_find(&e->cache, worker, &key, now);
}

bool exist_path_key(struct str path, struct digest *key)
{
    *key = (struct digest){.algorithm = DIGEST_OTHER, .size = 32};
    if (path.len > EXIST_PATH_MAX)
        return false;
    hasher_sha256(path.data, path.len, key->bytes);
    return true;
}

bool exist_ask(struct exist *e, unsigned worker, uint32_t store, const struct exist_object *object,
               struct exist_waiter *w)
{
    const struct key key = key_make(e, store, object->key);
    w->link = NULL;
    enum asker_result result = asker_ask(&e->asker[worker], &key, object->path, w);
    if (result == ASKER_ASKED)
        ring_bell_ring(&e->bell);
    return result != ASKER_FULL;
}

void exist_cancel(struct exist_waiter *w)
{
    if (w->link == NULL)
        return;
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    w->next = NULL;
    w->link = NULL;
}

int exist_fd(struct exist *e, unsigned worker)
{
    return e->asker[worker].bell.fd;
}

struct exist_waiter *exist_collect(struct exist *e, unsigned worker)
{
    return asker_collect(&e->asker[worker]);
}

void exist_pass(struct exist *e, unsigned worker)
{
    index_pass(&e->indexes, worker);
}

void exist_redirected(struct exist *e, unsigned worker, uint32_t store, const struct digest *d)
{
    watch_note(&e->watch[worker], store, d, (uint32_t)(clock_coarse() / CLOCK_S) + 1);
}

/* ── Numbers ── */

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void exist_stats(struct exist *e, struct exist_stats *out)
{
    *out = (struct exist_stats){
        .entries_present = cache_entries(e->cache.present),
        .entries_absent = cache_entries(e->cache.absent),
        .evictions = cache_evictions(&e->cache),
        .rechecks = get(&e->rechecks),
        .memory_bytes = cache_bytes(&e->cache),
        .index_bytes = get(&e->indexes.bytes),
        .n_stores = stores_count(&e->stores),
    };
    for (unsigned i = 0; i < e->workers; i++)
        out->memory_bytes += asker_bytes(&e->asker[i]) + watch_bytes(&e->watch[i]);
}

void exist_stats_store(struct exist *e, uint32_t i, struct exist_store_stats *out)
{
    const struct store *store = e->stores.store[i];
    *out = (struct exist_store_stats){
        .url = str_make(store->url, store->len),
        .down = stores_is_down(&e->stores, i),
        .latency_sum = (double)get(&store->latency_ns) / (double)CLOCK_S,
    };
    for (unsigned j = 0; j < 4; j++)
        out->heads[j] = get(&store->heads[j]);
    for (unsigned j = 0; j < EXIST_BUCKETS; j++)
        out->latency[j] = get(&store->latency[j]);
}

void exist_stats_index(struct exist *e, uint32_t i, struct exist_index_stats *out)
{
    index_stats(&e->indexes, i, out);
}

/* ── One question, outside of all that ── */

enum exist_state exist_head(const char *url, int64_t timeout, char error[256])
{
    const char *why = "out of memory";
    const struct libcurl *curl = libcurl_open(&why);
    struct head *h = curl != NULL ? head_new(curl) : NULL;
    if (h == NULL) {
        snprintf(error, 256, "%s", why);
        return EXIST_ERROR;
    }
    enum exist_state state = EXIST_MISS;
    head_begin(h, url, timeout);
    while (state == EXIST_MISS)
        state = head_end(h, libcurl_perform(curl, h->easy), error);
    head_free(h);
    return state;
}
