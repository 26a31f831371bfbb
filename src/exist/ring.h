/*
 * A bounded queue of numbers from one thread to another, and a bell for the receiver.
 */
#ifndef EXIST_RING_H
#define EXIST_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ring {
    uint32_t *slot;
    uint32_t mask;
    _Alignas(64) _Atomic uint32_t tail; /* the sender's */
    _Alignas(64) _Atomic uint32_t head; /* the receiver's */
};

/* For at least n numbers, at most 2^30. False: no memory. ring_close() in every case. */
bool ring_open(struct ring *r, uint32_t n);
void ring_close(struct ring *r);

/* False if it is full, or empty. */
bool ring_push(struct ring *r, uint32_t value);
bool ring_pop(struct ring *r, uint32_t *value);

/* A descriptor that is readable once somebody rang; rung from any thread, a system call only where
 * the receiver has gone to look since the last time. */
struct ring_bell {
    int fd;
    atomic_bool rung;
};

bool ring_bell_open(struct ring_bell *b);
void ring_bell_close(struct ring_bell *b);
void ring_bell_ring(struct ring_bell *b);

/* Before the receiver looks at what came: what comes later rings again. */
void ring_bell_quiet(struct ring_bell *b);

#endif
