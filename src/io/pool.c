#include "io/pool.h"

bool pool_open(struct pool *p, size_t small, size_t large)
{
    *p = (struct pool){0};
    return slab_open(&p->small, POOL_SMALL, small) && slab_open(&p->large, POOL_LARGE, large);
}

void pool_close(struct pool *p)
{
    slab_close(&p->small);
    slab_close(&p->large);
}

char *pool_take(struct pool *p, size_t len)
{
    return slab_take(len <= POOL_SMALL ? &p->small : &p->large);
}

static bool is_small(const struct pool *p, const char *buffer)
{
    return buffer >= p->small.memory && buffer < p->small.memory + p->small.item * p->small.count;
}

void pool_give(struct pool *p, char *buffer)
{
    slab_give(is_small(p, buffer) ? &p->small : &p->large, buffer);
}

size_t pool_size(const struct pool *p, const char *buffer)
{
    return is_small(p, buffer) ? POOL_SMALL : POOL_LARGE;
}
