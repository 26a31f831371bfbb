#include "mirror/digests.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BLOCK 4096 /* entries that are allocated at once */
#define FIRST_SLOTS 1024

struct digests_entry *digests_at(const struct digests *d, uint64_t i)
{
    return &d->block[i / BLOCK][i % BLOCK];
}

static uint64_t find_slot(const struct digests *d, const struct digest *digest)
{
    uint64_t hash = XXH3_64bits_withSeed(digest->bytes, sizeof(digest->bytes), d->seed);
    uint64_t i = hash & (d->n_slots - 1);
    while (d->slot[i] != 0 &&
           memcmp(&digests_at(d, d->slot[i] - 1)->digest, digest, sizeof(*digest)) != 0)
        i = (i + 1) & (d->n_slots - 1);
    return i;
}

/* The slots are never more than half full. */
static bool grow_slots(struct digests *d)
{
    struct digests bigger = *d;
    bigger.n_slots = d->n_slots > 0 ? 2 * d->n_slots : FIRST_SLOTS;
    if (d->n_slots == 0 && getrandom(&bigger.seed, sizeof(bigger.seed), 0) != sizeof(bigger.seed))
        return false;
    bigger.slot = calloc(bigger.n_slots, sizeof(*bigger.slot));
    if (bigger.slot == NULL)
        return false;
    for (uint64_t i = 0; i < d->n; i++)
        bigger.slot[find_slot(&bigger, &digests_at(d, i)->digest)] = (uint32_t)(i + 1);
    free(d->slot);
    d->slot = bigger.slot;
    d->n_slots = bigger.n_slots;
    d->seed = bigger.seed;
    return true;
}

uint32_t digests_number(const struct digests *d, const struct digests_entry *e)
{
    return d->slot[find_slot(d, &e->digest)] - 1;
}

static bool grow_blocks(struct digests *d)
{
    uint64_t n = d->n / BLOCK;
    struct digests_entry **block = realloc(d->block, (n + 1) * sizeof(struct digests_entry *));
    if (block == NULL)
        return false;
    d->block = block;
    d->block[n] = calloc(BLOCK, sizeof(*d->block[n]));
    return d->block[n] != NULL;
}

struct digests_entry *digests_add(struct digests *d, const struct digest *digest, bool *is_new)
{
    *is_new = false;
    if (2 * (d->n + 1) > d->n_slots && !grow_slots(d))
        return NULL;
    uint64_t i = find_slot(d, digest);
    if (d->slot[i] != 0)
        return digests_at(d, d->slot[i] - 1);
    if (d->n == UINT32_MAX || (d->n % BLOCK == 0 && !grow_blocks(d)))
        return NULL;
    struct digests_entry *e = digests_at(d, d->n++);
    e->digest = *digest;
    d->slot[i] = (uint32_t)d->n;
    *is_new = true;
    return e;
}

struct digests_entry *digests_find(const struct digests *d, const struct digest *digest)
{
    if (d->n_slots == 0)
        return NULL;
    uint64_t i = find_slot(d, digest);
    return d->slot[i] != 0 ? digests_at(d, d->slot[i] - 1) : NULL;
}

void digests_clear(struct digests *d)
{
    for (uint64_t i = 0; i * BLOCK < d->n; i++)
        free(d->block[i]);
    free(d->block);
    free(d->slot);
    *d = (struct digests){.n = 0};
}
