/*
 * What existence is known of: a digest in a store. The hash is keyed, because clients choose
 * digests.
 */
#ifndef EXIST_KEY_H
#define EXIST_KEY_H

#include <archeio/digest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct key {
    uint64_t hash;
    uint32_t store;
    struct digest digest;
};

static inline uint64_t key_hash(uint64_t seed, uint32_t store, const struct digest *d)
{
    return XXH3_64bits_withSeed(d->bytes, d->size, seed + store * 0x9e3779b97f4a7c15ULL);
}

static inline bool key_eq(const struct key *a, const struct key *b)
{
    return a->hash == b->hash && a->store == b->store &&
           a->digest.algorithm == b->digest.algorithm &&
           memcmp(a->digest.bytes, b->digest.bytes, a->digest.size) == 0;
}

#endif
