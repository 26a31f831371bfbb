#include "policy/nesting.h"

#include "base/sort.h"

static int by_prefix(const void *a, const void *b)
{
    const struct nesting_entry *x = a, *y = b;
    int order = prefix_compare(&x->prefix, &y->prefix);
    return order != 0 ? order : (x->route > y->route) - (x->route < y->route);
}

size_t nesting_count(const struct policy *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_routes; i++)
        n += p->routes[i].n_prefixes;
    return n;
}

static void gather(const struct policy *p, struct nesting_entry *next)
{
    for (size_t i = 0; i < p->n_routes; i++)
        for (size_t j = 0; j < p->routes[i].n_prefixes; j++)
            *next++ =
                (struct nesting_entry){.prefix = p->routes[i].prefixes[j], .route = (uint32_t)i};
}

static bool holds(const struct prefix *outer, const struct prefix *inner)
{
    return outer->bits <= inner->bits && prefix_holds(outer, &inner->addr);
}

/* From the entry of that index + 1 on outwards, the first that holds the prefix. From the entry
 * that stands right before it in their order, the way outwards leads through all that do. */
static uint32_t walk(const struct nesting *nesting, uint32_t from, const struct prefix *inside)
{
    while (from > 0 && !holds(&nesting->entry[from - 1].prefix, inside))
        from = nesting->entry[from - 1].outer;
    return from;
}

void nesting_make(struct nesting *out, const struct policy *p, struct nesting_entry *memory)
{
    size_t n = nesting_count(p);
    gather(p, memory);
    out->entry = sort_merge(memory, memory + n, n, sizeof(*memory), by_prefix);
    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct nesting_entry entry = out->entry[i];
        if (out->n > 0 && by_prefix(&out->entry[out->n - 1], &entry) == 0)
            continue; /* a route names it twice */
        entry.outer = walk(out, out->n, &entry.prefix);
        out->entry[out->n++] = entry;
    }
}

uint32_t nesting_find(const struct nesting *nesting, const struct prefix *inside)
{
    uint32_t low = 0, high = nesting->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (prefix_compare(&nesting->entry[middle].prefix, inside) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return walk(nesting, low, inside);
}
