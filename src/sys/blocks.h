/*
 * malloc() for blocks that are taken and given back all the time: those given back are kept for the
 * next that need one as large, up to a bound, so that most calls are a few instructions. One
 * thread's; a block may be given to others than those it was taken from.
 */
#ifndef SYS_BLOCKS_H
#define SYS_BLOCKS_H

#include <stddef.h>

#define BLOCKS_CLASSES 55 /* by size: steps of 32 bytes, then of KiB; above 20, none is kept */
#define BLOCKS_KEPT (64 * 1024) /* bytes that are kept, at most */

struct block;

struct blocks { /* private; all zero to begin */
    struct block *kept[BLOCKS_CLASSES];
    size_t bytes;
};

/* As malloc(), realloc() and free() are. NULL: nothing is kept. */
void *blocks_take(struct blocks *b, size_t size);
void *blocks_resize(struct blocks *b, void *data, size_t size);
void blocks_give(struct blocks *b, void *data);

/* Frees what is kept. */
void blocks_release(struct blocks *b);

#endif
