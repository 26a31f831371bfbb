/*
 * What is known of many digests: a table from digest to a small record. Behind a lock of its
 * owner's where several threads use it.
 */
#ifndef MIRROR_DIGESTS_H
#define MIRROR_DIGESTS_H

#include <archeio/digest.h>

struct digests_entry {
    struct digest digest;
    int64_t size;   /* what it is used for is the owner's, as the rest */
    uint32_t place; /* where it can be read from, or whatever number */
    uint32_t flags;
};

/* All zero is an empty one. Entries do not move; they are numbered in the order they came. */
struct digests {
    struct digests_entry **block; /* private, as all but n */
    uint32_t *slot;               /* entry numbers from 1 */
    uint64_t n_slots;
    uint64_t seed;
    uint64_t n;
};

/* The entry of a digest, a new one all zero but for it; *is_new says which. NULL: no memory. */
struct digests_entry *digests_add(struct digests *d, const struct digest *digest, bool *is_new);

/* NULL: there is none. */
struct digests_entry *digests_find(const struct digests *d, const struct digest *digest);

/* Which of those that were added an entry is, from 0. */
uint32_t digests_number(const struct digests *d, const struct digests_entry *e);

/* The i-th that was added. */
struct digests_entry *digests_at(const struct digests *d, uint64_t i);

void digests_clear(struct digests *d);

#endif
