#include "cli/partition.h"

#include "sys/xalloc.h"
#include <stdlib.h>

/* The prefixes of both tables, of one family, in order. */
struct walk {
    const struct partition *p;
    struct prefix *prefix;
    size_t n;
};

static void gather(struct walk *w, enum addr_family family)
{
    const struct lpm *a = &w->p->before->table, *b = &w->p->after->table;
    const uint32_t n = lpm_count(a, family), m = lpm_count(b, family);
    w->prefix = xalloc_zero((size_t)n + m, sizeof(*w->prefix));
    w->n = 0;
    for (uint32_t i = 0, j = 0; i < n || j < m;) {
        struct prefix x = i < n ? lpm_prefix(a, family, i) : (struct prefix){.bits = 0};
        struct prefix y = j < m ? lpm_prefix(b, family, j) : (struct prefix){.bits = 0};
        int order = i == n ? 1 : j == m ? -1 : prefix_compare(&x, &y);
        w->prefix[w->n++] = order <= 0 ? x : y;
        i += order <= 0;
        j += order >= 0;
    }
}

static struct prefix half(const struct prefix *p, unsigned which)
{
    struct prefix half = *p;
    half.addr.bytes[p->bits / 8] |= (uint8_t)(which << (7 - p->bits % 8));
    half.bits++;
    return half;
}

/* The first in [from, to) that does not stand before p. */
static size_t find(const struct walk *w, const struct prefix *p, size_t from, size_t to)
{
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (prefix_compare(&w->prefix[middle], p) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The key of all of `in`, or PARTITION_MIXED: then its pieces have been taken. [from, to) are the
 * prefixes in it. The depth is that of an address. */
static uint32_t walk(const struct walk *w, const struct prefix *in, size_t from, size_t to)
{
    const struct partition *p = w->p;
    while (from < to && w->prefix[from].bits == in->bits)
        from++;
    if (from == to)
        return p->key(p->context, &in->addr, snapshot_locate(p->before, &in->addr),
                      snapshot_locate(p->after, &in->addr));
    struct prefix low = half(in, 0), high = half(in, 1);
    size_t middle = find(w, &high, from, to);
    uint32_t of_low = walk(w, &low, from, middle), of_high = walk(w, &high, middle, to);
    if (of_low == of_high)
        return of_low;
    if (of_low != PARTITION_MIXED)
        p->take(p->context, &low, of_low);
    if (of_high != PARTITION_MIXED)
        p->take(p->context, &high, of_high);
    return PARTITION_MIXED;
}

void partition_walk(const struct partition *p)
{
    static const enum addr_family families[] = {ADDR_V4, ADDR_V6};
    for (size_t i = 0; i < 2; i++) {
        struct walk w = {.p = p};
        const struct prefix all = {.addr = {.family = (uint8_t)families[i]}};
        gather(&w, families[i]);
        uint32_t key = walk(&w, &all, 0, w.n);
        if (key != PARTITION_MIXED)
            p->take(p->context, &all, key);
        free(w.prefix);
    }
}
