#include "exist/cache.h"

#define ALIGN 256U /* of tables: no bucket shall lie in one cache line more than it needs */

static const unsigned digest_size[CACHE_TABLES] = {32, 64, 32};

static unsigned table_of(const struct key *key)
{
    if (key->digest.size == 64)
        return CACHE_SHA512;
    return key->digest.algorithm == DIGEST_SHA256 ? CACHE_SHA256 : CACHE_PATHS;
}

/* SHA-512 is rare, and there are fewer files beside a registry than blobs in it: an eighth is
 * enough for each. */
static uint64_t share(uint64_t memory, unsigned table)
{
    return table == CACHE_SHA256 ? memory - 2 * (memory / 8) : memory / 8;
}

bool cache_open(struct cache *c, unsigned workers, uint64_t memory)
{
    bool ok = true;
    for (unsigned i = 0; i < CACHE_TABLES; i++) {
        ok &= table_open(&c->present[i], digest_size[i], workers, share(memory - memory / 4, i));
        ok &= table_open(&c->absent[i], digest_size[i], 0, share(memory / 4, i));
    }
    return ok;
}

bool cache_place(struct cache *c, unsigned workers, void *memory, size_t size)
{
    unsigned char *at = memory;
    bool ok = true;
    for (unsigned i = 0; i < CACHE_TABLES; i++) {
        size_t present = share(size - size / 4, i) & ~(uint64_t)(ALIGN - 1);
        size_t absent = share(size / 4, i) & ~(uint64_t)(ALIGN - 1);
        ok &= table_place(&c->present[i], digest_size[i], workers, at, present);
        ok &= table_place(&c->absent[i], digest_size[i], 0, at + present, absent);
        at += present + absent;
    }
    return ok;
}

void cache_close(struct cache *c)
{
    for (unsigned i = 0; i < CACHE_TABLES; i++) {
        table_close(&c->present[i]);
        table_close(&c->absent[i]);
    }
}

enum exist_state cache_find(const struct cache *c, unsigned worker, const struct key *key,
                            int64_t now)
{
    unsigned i = table_of(key);
    enum exist_state state = table_find(&c->present[i], worker, key, now);
    return state != EXIST_MISS ? state : table_find(&c->absent[i], worker, key, now);
}

enum exist_state cache_peek(const struct cache *c, const struct key *key, int64_t now)
{
    unsigned i = table_of(key);
    enum exist_state state = table_peek(&c->present[i], key, now);
    return state != EXIST_MISS ? state : table_peek(&c->absent[i], key, now);
}

void cache_put(struct cache *c, const struct key *key, enum exist_state state, int64_t expiry,
               int64_t now)
{
    unsigned i = table_of(key);
    if (state == EXIST_PRESENT) {
        table_put(&c->present[i], key, state, expiry, now);
        table_remove(&c->absent[i], key);
        return;
    }
    if (state == EXIST_ERROR) {
        enum exist_state known = cache_peek(c, key, now);
        if (known == EXIST_PRESENT || known == EXIST_ABSENT)
            return;
    }
    table_put(&c->absent[i], key, state, expiry, now);
    table_remove(&c->present[i], key);
}

void cache_forget(struct cache *c, uint32_t store, int64_t now)
{
    for (unsigned i = 0; i < CACHE_TABLES; i++) {
        const struct table_sweep all = {
            .groups = c->present[i].n_filled, .now = now, .latest = INT64_MAX, .forget = store};
        table_sweep(&c->present[i], &all);
    }
}

uint64_t cache_entries(const struct table tables[CACHE_TABLES])
{
    uint64_t n = 0;
    for (unsigned i = 0; i < CACHE_TABLES; i++)
        n += atomic_load_explicit(&tables[i].entries, memory_order_relaxed);
    return n;
}

static uint64_t evictions(const struct table tables[CACHE_TABLES])
{
    uint64_t n = 0;
    for (unsigned i = 0; i < CACHE_TABLES; i++)
        n += atomic_load_explicit(&tables[i].evictions, memory_order_relaxed);
    return n;
}

uint64_t cache_evictions(const struct cache *c)
{
    return evictions(c->present) + evictions(c->absent);
}

uint64_t cache_bytes(const struct cache *c)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < CACHE_TABLES; i++)
        n += c->present[i].bytes + c->absent[i].bytes;
    return n;
}
