#include "memory.h"

#include "pages.h"

#include <stdint.h>
#include <string.h>

/* Stands before what is kept. Sizes are powers of two, so that what one configuration gave back
 * fits the next, whose snapshot is a little larger. */
struct block {
    _Alignas(MEMORY_ALIGN) struct block *next;
    size_t size; /* of all of it */
};

/* A callback's heap: enough for nearly every one; what does not fit is in further blocks. */
static _Alignas(MEMORY_ALIGN) char heap[PAGES_SIZE];
static struct block *further;      /* the newest first */
static char *at = heap;            /* the next byte to take ... */
static size_t left = sizeof(heap); /* ... and how many follow */

static struct block *free_blocks;

static struct block *reuse(size_t size)
{
    for (struct block **link = &free_blocks; *link != NULL; link = &(*link)->next) {
        struct block *b = *link;
        if (b->size != size)
            continue;
        *link = b->next;
        memset(b, 0, size);
        return b;
    }
    return NULL;
}

static struct block *take_block(size_t size)
{
    size_t rounded = PAGES_SIZE;
    if (size > SIZE_MAX / 4 - sizeof(struct block))
        return NULL;
    while (rounded < size + sizeof(struct block))
        rounded *= 2;
    struct block *b = reuse(rounded);
    if (b == NULL)
        b = pages_grow(rounded);
    if (b != NULL)
        b->size = rounded;
    return b;
}

void *memory_keep(size_t size)
{
    struct block *b = take_block(size);
    return b != NULL ? b + 1 : NULL;
}

void memory_release(void *kept)
{
    if (kept == NULL)
        return;
    struct block *b = (struct block *)kept - 1;
    b->next = free_blocks;
    free_blocks = b;
}

void memory_reset(void)
{
    while (further != NULL) {
        struct block *b = further;
        further = b->next;
        memory_release(b + 1);
    }
    at = heap;
    left = sizeof(heap);
}

void *memory_take(size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    size = (size + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
    if (size > left) {
        struct block *b = take_block(size);
        if (b == NULL)
            return NULL;
        b->next = further;
        further = b;
        at = (char *)(b + 1);
        left = b->size - sizeof(*b);
    }
    void *taken = at;
    at += size;
    left -= size;
    return taken;
}
