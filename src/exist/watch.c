#include "exist/watch.h"

#include "sys/memory.h"
#include <string.h>

#define WORDS (sizeof(((struct digest *)NULL)->bytes) / 8)

/* Guarded by a sequence, as the buckets of "exist/table.h". */
struct watch_digest {
    _Atomic uint32_t sequence;
    _Atomic uint32_t kind; /* algorithm and size */
    _Atomic uint64_t word[WORDS];
};

bool watch_open(struct watch *w, uint32_t n_stores)
{
    w->n = n_stores;
    w->second = memory_reserve(n_stores * sizeof(*w->second));
    w->digest = memory_reserve(n_stores * sizeof(*w->digest));
    return w->second != NULL && w->digest != NULL;
}

void watch_close(struct watch *w)
{
    memory_release(w->second, w->n * sizeof(*w->second));
    memory_release(w->digest, w->n * sizeof(*w->digest));
    *w = (struct watch){0};
}

uint64_t watch_bytes(const struct watch *w)
{
    return (uint64_t)w->n * (sizeof(*w->second) + sizeof(*w->digest));
}

void watch_note(struct watch *w, uint32_t store, const struct digest *d, uint32_t second)
{
    if (watch_second(w, store) == second)
        return;
    struct watch_digest *to = &w->digest[store];
    uint32_t sequence = atomic_load_explicit(&to->sequence, memory_order_relaxed);
    atomic_store_explicit(&to->sequence, sequence + 1, memory_order_relaxed);
    atomic_store_explicit(&to->kind, (uint32_t)d->algorithm << 8 | d->size, memory_order_release);
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word;
        memcpy(&word, d->bytes + i * 8, 8);
        atomic_store_explicit(&to->word[i], word, memory_order_release);
    }
    atomic_store_explicit(&to->sequence, sequence + 2, memory_order_release);
    atomic_store_explicit(&w->second[store], second, memory_order_release);
}

uint32_t watch_second(const struct watch *w, uint32_t store)
{
    return atomic_load_explicit(&w->second[store], memory_order_acquire);
}

bool watch_read(const struct watch *w, uint32_t store, struct digest *d)
{
    const struct watch_digest *from = &w->digest[store];
    uint32_t sequence = atomic_load_explicit(&from->sequence, memory_order_acquire);
    uint32_t kind = atomic_load_explicit(&from->kind, memory_order_acquire);
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = atomic_load_explicit(&from->word[i], memory_order_acquire);
        memcpy(d->bytes + i * 8, &word, 8);
    }
    d->algorithm = (uint8_t)(kind >> 8);
    d->size = (uint8_t)kind;
    return sequence != 0 && (sequence & 1) == 0 &&
           atomic_load_explicit(&from->sequence, memory_order_relaxed) == sequence;
}
