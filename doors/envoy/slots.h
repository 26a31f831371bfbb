/*
 * The existence cache, shared by Envoy's threads through the host's shared data. That has no
 * delete and no bound, so the keys in it are a fixed number of slots, and each slot holds a bounded
 * number of entries: the URL that was asked (the exact key, never a fingerprint), what the answer
 * was, and when it expires. What several threads write at once is decided by compare-and-swap.
 *
 * Three quarters of the slots are for what is present, the rest for what is absent or gave an
 * error, so that no number of unknown digests can evict what is known to be there. Which slot an
 * entry belongs to is decided by a hash with a random key, because clients choose digests.
 */
#ifndef ENVOY_SLOTS_H
#define ENVOY_SLOTS_H

#include <archeio/str.h>
#include <stdint.h>

#define SLOTS_KEY_MAX 512 /* bytes of a URL; a longer one is never known */
#define SLOTS_SIZE 1024   /* bytes of a slot */

enum slots_state { SLOTS_PRESENT, SLOTS_ABSENT, SLOTS_ERROR, SLOTS_MISS };

struct slots {
    uint32_t n; /* at least 4 */
    uint64_t seed;
};

/* Once for each configuration: agrees with the other threads about the hash. */
struct slots slots_open(uint32_t n);

/* With a key that nobody outside knows. */
uint64_t slots_hash(const struct slots *s, struct str key);

/* What is known of a key; *expiry is written unless that is nothing (SLOTS_MISS). */
enum slots_state slots_find(const struct slots *s, struct str key, int64_t now, int64_t *expiry);

/* state is not SLOTS_MISS. An error does not displace what is known. */
void slots_put(const struct slots *s, struct str key, enum slots_state state, int64_t expiry,
               int64_t now);

#endif
