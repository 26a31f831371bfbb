/*
 * The existence cache: tables for what is present and others for what is absent or gave an error,
 * so that no number of unknown digests can evict what is known to be there. Paths have tables of
 * their own: most stores know one object by many spellings, so that a client may name any number of
 * paths that are present.
 */
#ifndef EXIST_CACHE_H
#define EXIST_CACHE_H

#include "exist/table.h"

/* Tables by what a key is: a digest, or the hash of a path (exist_path_key()). */
enum { CACHE_SHA256, CACHE_SHA512, CACHE_PATHS, CACHE_TABLES };

struct cache {
    struct table present[CACHE_TABLES]; /* three quarters of the memory */
    struct table absent[CACHE_TABLES];
};

bool cache_open(struct cache *c, unsigned workers, uint64_t memory);
void cache_close(struct cache *c);

/* The same in memory of the caller's, as table_place() has it; false: less than CACHE_PLACE_MIN. */
#define CACHE_PLACE_MIN (256U * 1024U)
bool cache_place(struct cache *c, unsigned workers, void *memory, size_t size);

/* For workers. */
enum exist_state cache_find(const struct cache *c, unsigned worker, const struct key *key,
                            int64_t now);

/* For the writer. A key is in one table at a time; an error does not displace what is known. */
enum exist_state cache_peek(const struct cache *c, const struct key *key, int64_t now);
void cache_put(struct cache *c, const struct key *key, enum exist_state state, int64_t expiry,
               int64_t now);

/* Nothing is known to be present in that store any more. Takes some milliseconds per 10,000 entries
 * of the cache. */
void cache_forget(struct cache *c, uint32_t store, int64_t now);

uint64_t cache_entries(const struct table tables[CACHE_TABLES]);
uint64_t cache_evictions(const struct cache *c);
uint64_t cache_bytes(const struct cache *c);

#endif
