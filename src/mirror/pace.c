#include "mirror/pace.h"

#include <stdatomic.h>

void pace_set(struct pace *p, uint64_t n, int64_t ns)
{
    p->cost = n > 0 ? (double)ns / (double)n : 0;
}

int64_t pace_take(struct pace *p, uint64_t n, int64_t now)
{
    if (p->cost <= 0)
        return 0;
    int64_t cost = (int64_t)(p->cost * (double)n), begin, next = atomic_load(&p->next);
    do
        begin = next > now ? next : now;
    while (!atomic_compare_exchange_weak(&p->next, &next, begin + cost));
    return begin - now;
}
