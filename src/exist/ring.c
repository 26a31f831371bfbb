#include "exist/ring.h"

#include "sys/wake.h"

#include <stdlib.h>
#include <unistd.h>

bool ring_open(struct ring *r, uint32_t n)
{
    uint32_t size = 1;
    while (size < n)
        size *= 2;
    r->mask = size - 1;
    r->slot = calloc(size, sizeof(*r->slot));
    return r->slot != NULL;
}

void ring_close(struct ring *r)
{
    free(r->slot);
    r->slot = NULL;
}

bool ring_push(struct ring *r, uint32_t value)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&r->head, memory_order_acquire) > r->mask)
        return false;
    r->slot[tail & r->mask] = value;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

bool ring_pop(struct ring *r, uint32_t *value)
{
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&r->tail, memory_order_acquire))
        return false;
    *value = r->slot[head & r->mask];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

bool ring_bell_open(struct ring_bell *b)
{
    b->fd = wake_open();
    return b->fd >= 0;
}

void ring_bell_close(struct ring_bell *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
}

void ring_bell_ring(struct ring_bell *b)
{
    if (!atomic_exchange(&b->rung, true))
        wake_send(b->fd);
}

void ring_bell_quiet(struct ring_bell *b)
{
    wake_hear(b->fd);
    atomic_exchange(&b->rung, false); /* so that what the last ringer sent is seen */
}
