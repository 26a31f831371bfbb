/*
 * Items of one size from a reserved range of addresses: memory is touched only as far as the
 * most items at once reached, nothing is allocated afterwards, and how much there can be is
 * bounded. Where it was much, it goes back to the system when the last item is given back. One
 * thread's.
 */
#ifndef IO_SLAB_H
#define IO_SLAB_H

#include <stdbool.h>
#include <stddef.h>

struct slab {
    char *memory;
    void *free; /* the item that was given back last, and so on */
    size_t item;
    size_t count; /* items that fit */
    size_t fresh; /* the first that was never given out */
    size_t used;
};

/* item is rounded up to a multiple of 64. False: no address space. */
bool slab_open(struct slab *s, size_t item, size_t count);
void slab_close(struct slab *s);

/* An item with unspecified content; NULL if all are in use. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *item);

#endif
