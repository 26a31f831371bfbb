#include "exist/index.h"

#include "exist/stores.h"
#include "sys/clock.h"
#include "sys/memory.h"

#include <stdlib.h>

static size_t pointers_size(void)
{
    return STORES_MAX * sizeof(_Atomic(struct index_set *));
}

static size_t counts_size(void)
{
    return STORES_MAX * sizeof(struct index_counts);
}

bool index_open(struct index_table *x, unsigned readers)
{
    *x = (struct index_table){.n_readers = readers};
    pthread_mutex_init(&x->lock, NULL);
    x->set = memory_reserve(pointers_size());
    x->counts = memory_reserve(counts_size());
    x->reader = aligned_alloc(_Alignof(struct index_reader), readers * sizeof(*x->reader));
    if (x->set == NULL || x->counts == NULL || x->reader == NULL)
        return false;
    memset(x->reader, 0, readers * sizeof(*x->reader));
    return true;
}

static void free_retired(struct index_table *x)
{
    while (x->retired != NULL) {
        struct index_set *s = x->retired;
        x->retired = s->next;
        index_set_free(x, s);
    }
}

void index_close(struct index_table *x)
{
    for (uint32_t i = 0; index_any(x) && i < STORES_MAX; i++)
        if (atomic_load_explicit(&x->set[i], memory_order_relaxed) != NULL)
            index_publish(x, i, NULL);
    free_retired(x);
    memory_release(x->set, pointers_size());
    memory_release(x->counts, counts_size());
    free(x->reader);
    pthread_mutex_destroy(&x->lock);
}

void index_distrust(struct index_table *x, uint32_t store)
{
    struct index_set *s = atomic_load_explicit(&x->set[store], memory_order_acquire);
    if (s == NULL || atomic_exchange_explicit(&s->wrong, true, memory_order_relaxed))
        return;
    index_count_failure(x, store, EXIST_INDEX_WRONG);
}

/* ── Sets ── */

size_t index_set_bytes(size_t size)
{
    return size + blob_index_guide_size(size);
}

struct index_set *index_set_new(struct index_table *x, size_t size)
{
    struct index_set *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->size = size;
    s->bytes = index_set_bytes(size);
    s->memory = memory_reserve(s->bytes);
    if (s->memory == NULL) {
        free(s);
        return NULL;
    }
    atomic_fetch_add_explicit(&x->bytes, s->bytes, memory_order_relaxed);
    return s;
}

/* The guide lies behind the set, whose size is a multiple of 32 if it is one. */
const char *index_set_open(struct index_set *s)
{
    if (s->size % sizeof(uint32_t) != 0)
        return "its size is not that of an index";
    void *guide = s->memory + s->size;
    return blob_index_open(&s->index, s->memory, s->size, guide);
}

void index_set_free(struct index_table *x, struct index_set *s)
{
    if (s == NULL)
        return;
    atomic_fetch_sub_explicit(&x->bytes, s->bytes, memory_order_relaxed);
    memory_release(s->memory, s->bytes);
    free(s);
}

/* Whoever sees the new epoch sees the new pointer, too. */
void index_publish(struct index_table *x, uint32_t store, struct index_set *s)
{
    pthread_mutex_lock(&x->lock);
    struct index_set *old = atomic_exchange_explicit(&x->set[store], s, memory_order_acq_rel);
    if (s != NULL)
        atomic_fetch_add_explicit(&x->published, 1, memory_order_relaxed);
    if (old != NULL) {
        atomic_fetch_sub_explicit(&x->published, 1, memory_order_relaxed);
        old->retired = atomic_fetch_add_explicit(&x->epoch, 1, memory_order_release) + 1;
        old->next = x->retired;
        x->retired = old;
    }
    pthread_mutex_unlock(&x->lock);
}

/* The epoch that every reader has seen. */
static uint64_t seen_by_all(const struct index_table *x)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < x->n_readers; i++) {
        uint64_t passed = atomic_load_explicit(&x->reader[i].passed, memory_order_acquire);
        least = passed < least ? passed : least;
    }
    return least;
}

bool index_collect(struct index_table *x)
{
    pthread_mutex_lock(&x->lock);
    if (x->retired != NULL && seen_by_all(x) >= x->retired->retired) /* the first is the latest */
        free_retired(x);
    bool left = x->retired != NULL;
    pthread_mutex_unlock(&x->lock);
    return left;
}

/* ── Numbers ── */

void index_count_failure(struct index_table *x, uint32_t store, enum exist_index_failure failure)
{
    atomic_fetch_add_explicit(&x->counts[store].failures[failure], 1, memory_order_relaxed);
}

void index_stats(struct index_table *x, uint32_t store, struct exist_index_stats *out)
{
    const struct index_counts *c = &x->counts[store];
    *out = (struct exist_index_stats){
        .loads = atomic_load_explicit(&c->loads, memory_order_relaxed),
    };
    for (size_t i = 0; i < EXIST_INDEX_FAILURES; i++)
        out->failures[i] = atomic_load_explicit(&c->failures[i], memory_order_relaxed);
    pthread_mutex_lock(&x->lock);
    const struct index_set *s = atomic_load_explicit(&x->set[store], memory_order_relaxed);
    if (s != NULL) {
        out->entries = s->index.n[0] + s->index.n[1];
        out->time = atomic_load_explicit(&s->time, memory_order_relaxed);
        out->used = clock_now() < atomic_load_explicit(&s->until, memory_order_relaxed) &&
                    !atomic_load_explicit(&s->wrong, memory_order_relaxed);
    }
    pthread_mutex_unlock(&x->lock);
}
