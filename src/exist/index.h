/*
 * The indexes of stores ("oci/blob_index.h") as they are looked into: per store at most one set of
 * digests, replaced as a whole.
 *
 * One thread ("exist/index_thread.h") publishes sets. Readers (each worker, and the prober) find
 * them by one pointer, without a lock or a shared write, and say now and then that they hold
 * nothing (index_pass()); a set that was replaced is freed when every reader has said so since. It
 * is the way in which workers go from one generation to the next ("server/generation.h").
 */
#ifndef EXIST_INDEX_H
#define EXIST_INDEX_H

#include "exist/exist.h"
#include "oci/blob_index.h"

#include <pthread.h>
#include <stdatomic.h>

/* A set in memory of its own. */
struct index_set {
    struct blob_index index;
    struct digest object;  /* its name */
    _Atomic int64_t time;  /* of the pointer that named it last, Unix seconds */
    _Atomic int64_t until; /* it is believed before this (clock_now()) */
    atomic_bool wrong;     /* it named a digest that is not there: it is not believed */
    uint8_t *memory;
    size_t size;            /* of the set, at the beginning of memory */
    size_t bytes;           /* of memory, with what reading it takes besides */
    struct index_set *next; /* of the retired */
    uint64_t retired;       /* when, in epochs */
};

struct index_counts {
    _Atomic uint64_t loads;
    _Atomic uint64_t failures[EXIST_INDEX_FAILURES];
};

struct index_reader {
    _Alignas(64) _Atomic uint64_t passed; /* the epoch that it has seen */
};

struct index_table {
    _Atomic(struct index_set *) *set; /* STORES_MAX; readers look here */
    struct index_counts *counts;      /* STORES_MAX */
    struct index_reader *reader;
    unsigned n_readers;
    _Atomic uint64_t epoch;
    _Atomic uint32_t published; /* sets that are not NULL */
    _Atomic uint64_t bytes;     /* of all sets, the retired ones, too */
    pthread_mutex_t lock;       /* held where sets are freed, and by who is no reader */
    struct index_set *retired;
};

/* False: no memory. index_close() in every case; nobody reads then. */
bool index_open(struct index_table *x, unsigned readers);
void index_close(struct index_table *x);

/* ── For readers ── */

/* The store's index is believed now, and has d. */
static inline bool index_has(const struct index_table *x, uint32_t store, const struct digest *d,
                             int64_t now)
{
    const struct index_set *s = atomic_load_explicit(&x->set[store], memory_order_acquire);
    return s != NULL && now < atomic_load_explicit(&s->until, memory_order_relaxed) &&
           !atomic_load_explicit(&s->wrong, memory_order_relaxed) && blob_index_has(&s->index, d);
}

/* This reader holds no set. */
static inline void index_pass(struct index_table *x, unsigned reader)
{
    uint64_t epoch = atomic_load_explicit(&x->epoch, memory_order_acquire);
    _Atomic uint64_t *passed = &x->reader[reader].passed;
    if (atomic_load_explicit(passed, memory_order_relaxed) != epoch)
        atomic_store_explicit(passed, epoch, memory_order_release);
}

/* The store's index is not believed any more, until a later one comes: what it names is not there.
 * For one reader only: the prober. */
void index_distrust(struct index_table *x, uint32_t store);

static inline bool index_any(const struct index_table *x)
{
    return atomic_load_explicit(&x->published, memory_order_relaxed) > 0;
}

/* ── For the thread that publishes ── */

/* How much memory a set of so many bytes takes. */
size_t index_set_bytes(size_t size);

/* A set of so many bytes, to be filled at its `memory` and opened; NULL: no memory. */
struct index_set *index_set_new(struct index_table *x, size_t size);

/* Checks what was filled in: as blob_index_open(). */
const char *index_set_open(struct index_set *s);

void index_set_free(struct index_table *x, struct index_set *s);

/* Puts a set (NULL: none) in the place of the store's. */
void index_publish(struct index_table *x, uint32_t store, struct index_set *s);

/* Frees what nobody can see any more. True if something is left to be freed. */
bool index_collect(struct index_table *x);

void index_count_failure(struct index_table *x, uint32_t store, enum exist_index_failure failure);

/* ── For the control thread ── */

void index_stats(struct index_table *x, uint32_t store, struct exist_index_stats *out);

#endif
