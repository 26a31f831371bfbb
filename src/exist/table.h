/*
 * A set-associative table of states with a fixed number of slots. One thread writes at a time; any
 * number of workers read, without locks and without shared writes: every bucket has a sequence
 * counter that is odd while it is written, and a reader that sees it change reads again (H.-J.
 * Boehm, "Can Seqlocks Get Along with Programming Language Memory Models?", 2012, without fences:
 * data words are stored with release and loaded with acquire).
 *
 * A bucket is 256 bytes: the counter, a tag of 16 hash bits per slot, the slots. A slot is the
 * whole digest, the expiry, and one word of store, state and last use. All digests of a table have
 * the same length, so five slots of SHA-256 or three of SHA-512 fit.
 *
 * Each worker has a byte per slot, which it sets when it uses the entry and the writer clears when
 * it has seen that: recency without a write that workers share.
 */
#ifndef EXIST_TABLE_H
#define EXIST_TABLE_H

#include "exist/exist.h"
#include "exist/key.h"

#include <stdatomic.h>

struct table_bucket;

struct table {
    struct table_bucket *bucket;
    uint32_t n_buckets;
    unsigned digest_size;
    unsigned workers; /* that mark; 0: nobody does */
    size_t bytes;     /* of memory that it uses */
    _Atomic uint8_t *marks;
    uint64_t *filled;  /* a bit per group of buckets that has ever held an entry */
    uint32_t n_filled; /* groups */
    uint32_t cursor;   /* of table_sweep() */
    _Atomic uint64_t entries;
    _Atomic uint64_t evictions;
};

/* For digests of that many bytes (32 or 64), in at most `memory` bytes but at least a page, which
 * are reserved now and touched as they fill. False: not to be had. table_close() in every case. */
bool table_open(struct table *t, unsigned digest_size, unsigned workers, uint64_t memory);
void table_close(struct table *t);

/* The same in memory of the caller's, which is zeroed, 8-byte aligned, and outlives the table; it
 * is not closed. Processes may share it and the struct, mapped at the same address in each of them,
 * if a lock makes one of them the writer; one that is killed while it writes costs the others what
 * the bucket held. False: too small. */
bool table_place(struct table *t, unsigned digest_size, unsigned workers, void *memory,
                 size_t size);

/* For workers: what is known and has not expired, or EXIST_MISS. worker leaves its mark. */
enum exist_state table_find(const struct table *t, unsigned worker, const struct key *key,
                            int64_t now);

/* ── For the writer ── */

/* As table_find(), without a mark. */
enum exist_state table_peek(const struct table *t, const struct key *key, int64_t now);

/* Adds or renews an entry. In a full bucket an expired entry makes room for it, else the one that
 * was used least recently. It counts as unused since. */
void table_put(struct table *t, const struct key *key, enum exist_state state, int64_t expiry,
               int64_t now);
void table_remove(struct table *t, const struct key *key);

struct table_entry {
    struct key key;
    enum exist_state state;
    int64_t expiry;
    bool used; /* since it was put or renewed */
};

#define TABLE_NO_STORE UINT32_MAX

struct table_sweep {
    uint32_t groups; /* how far to go: groups of buckets, of table.n_filled */
    uint64_t seed;   /* of key_hash() */
    int64_t now;
    int64_t latest;  /* entries that expire later expire then */
    uint32_t forget; /* entries of this store are removed; TABLE_NO_STORE: of none */
    void (*visit)(void *context, const struct table_entry *entry);
    void *context;
};

/* Goes on from where it stopped, removes what has expired or is to be forgotten, and shows the
 * rest. visit must not write to the table, and may be NULL. */
void table_sweep(struct table *t, const struct table_sweep *sweep);

#endif
