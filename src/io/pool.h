/*
 * Buffers for what waits: of two sizes, because most of it fits the small one. Nothing is allocated
 * after the beginning, memory is touched only as far as the most buffers at once ever reached, and
 * there is an end to it. One thread's.
 */
#ifndef IO_POOL_H
#define IO_POOL_H

#include "io/slab.h"

#define POOL_SMALL 4096
#define POOL_LARGE 36864 /* a stream's output (io/stream.h), encrypted */

struct pool {
    struct slab small; /* private */
    struct slab large;
};

/* So many of each. False: no address space; pool_close() in every case. */
bool pool_open(struct pool *p, size_t small, size_t large);
void pool_close(struct pool *p);

/* A buffer of at least len bytes (at most POOL_LARGE); NULL if all are in use. */
char *pool_take(struct pool *p, size_t len);
void pool_give(struct pool *p, char *buffer);

/* How many bytes this one has room for. */
size_t pool_size(const struct pool *p, const char *buffer);

#endif
