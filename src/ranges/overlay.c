#include "ranges/overlay.h"

#include "ranges/asn.h"
#include "sys/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define NONE UINT32_MAX
#define DEPTH_MAX 130 /* prefixes within each other, each longer than the last: /0 to /128 */

enum kind { PLACE, ASN, INSIDE, KINDS };

/* What one source says of one prefix. */
struct item {
    struct prefix prefix;
    uint32_t order; /* in which it was said: of one prefix and kind, the first counts */
    uint32_t value; /* a place, a number, or an index into sources.inside */
    enum kind kind;
};

/* What counts for an address. */
struct state {
    uint32_t place; /* NONE: no published range holds it */
    uint32_t asn;
    uint32_t inside;
};

struct sweep {
    const struct overlay_sources *from;
    struct overlay *out;
    struct state *state_of; /* of each network */
    uint32_t *slot;         /* hash table of networks: index + 1, 0 is free */
    size_t n_slots;
    struct prefix outer[DEPTH_MAX]; /* those that hold the prefix at hand, the longest last */
    struct state outer_state[DEPTH_MAX];
    size_t depth;
};

static uint32_t named_asn(const struct overlay_sources *from, uint32_t asn)
{
    const struct asn_named named = {from->named, from->n_named};
    return asn_is_named(&named, asn) ? asn : 0;
}

static int by_prefix(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = prefix_compare(&x->prefix, &y->prefix);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static struct item *gather(const struct overlay_sources *from, size_t *n)
{
    *n = from->ranges->n_ranges + from->n_asns + from->n_inside;
    struct item *item = xalloc_zero(*n, sizeof(*item)), *next = item;
    for (size_t i = 0; i < from->ranges->n_ranges; i++)
        *next++ = (struct item){.prefix = from->ranges->range[i].prefix,
                                .value = from->ranges->range[i].place,
                                .kind = PLACE};
    for (size_t i = 0; i < from->n_asns; i++)
        *next++ = (struct item){
            .prefix = from->asn[i].prefix, .value = named_asn(from, from->asn[i].asn), .kind = ASN};
    for (size_t i = 0; i < from->n_inside; i++)
        *next++ = (struct item){.prefix = from->inside[i], .value = (uint32_t)i, .kind = INSIDE};
    for (size_t i = 0; i < *n; i++)
        item[i].order = (uint32_t)i;
    qsort(item, *n, sizeof(*item), by_prefix);
    return item;
}

static bool same(const struct state *a, const struct state *b)
{
    return a->place == b->place && a->asn == b->asn && a->inside == b->inside;
}

/* seen: of which kinds something has been said of this prefix. */
static void apply(struct state *s, const struct item *item, bool seen[KINDS])
{
    if (seen[item->kind])
        return;
    seen[item->kind] = true;
    if (item->kind == PLACE)
        s->place = item->value;
    else if (item->kind == ASN)
        s->asn = item->value;
    else
        s->inside = item->value;
}

static struct policy_network describe(const struct overlay_sources *from, const struct state *s)
{
    struct policy_network network = {.asn = s->asn};
    if (s->place != NONE)
        network.place = from->ranges->place[s->place];
    if (s->inside != NONE)
        network.inside = from->inside[s->inside];
    return network;
}

static void grow_slots(struct sweep *w)
{
    size_t n = w->n_slots > 0 ? 2 * w->n_slots : 1024;
    free(w->slot);
    w->slot = xalloc_zero(n, sizeof(*w->slot));
    w->n_slots = n;
    for (size_t i = 0; i < w->out->n_networks; i++) {
        size_t at = XXH3_64bits(&w->state_of[i], sizeof(w->state_of[i])) & (n - 1);
        while (w->slot[at] != 0)
            at = (at + 1) & (n - 1);
        w->slot[at] = (uint32_t)i + 1;
    }
}

static uint32_t network_of(struct sweep *w, const struct state *s)
{
    struct overlay *out = w->out;
    if (2 * (out->n_networks + 1) > w->n_slots)
        grow_slots(w);
    size_t at = XXH3_64bits(s, sizeof(*s)) & (w->n_slots - 1);
    for (; w->slot[at] != 0; at = (at + 1) & (w->n_slots - 1))
        if (same(&w->state_of[w->slot[at] - 1], s))
            return w->slot[at] - 1;
    out->network = xalloc_grow(out->network, out->n_networks, sizeof(*out->network));
    w->state_of = xalloc_grow(w->state_of, out->n_networks, sizeof(*w->state_of));
    out->network[out->n_networks] = describe(w->from, s);
    w->state_of[out->n_networks] = *s;
    w->slot[at] = (uint32_t)out->n_networks + 1;
    return (uint32_t)out->n_networks++;
}

static bool holds(const struct prefix *outer, const struct prefix *inner)
{
    return outer->bits <= inner->bits && prefix_holds(outer, &inner->addr);
}

/* What all sources say of one prefix: the items at the front; returns how many they are. */
static size_t take(struct sweep *w, const struct item *item, size_t n)
{
    struct state s = {NONE, 0, NONE};
    bool seen[KINDS] = {false};
    size_t same_prefix = 0;
    while (w->depth > 0 && !holds(&w->outer[w->depth - 1], &item->prefix))
        w->depth--;
    struct state around = w->depth > 0 ? w->outer_state[w->depth - 1] : s;
    s = around;
    for (; same_prefix < n && prefix_compare(&item[same_prefix].prefix, &item->prefix) == 0;
         same_prefix++)
        apply(&s, &item[same_prefix], seen);
    if (!seen[PLACE] && same(&s, &around))
        return same_prefix;
    assert(w->depth < DEPTH_MAX);
    w->outer[w->depth] = item->prefix;
    w->outer_state[w->depth++] = s;
    w->out->range[w->out->n_ranges++] = (struct policy_range){item->prefix, network_of(w, &s)};
    return same_prefix;
}

void overlay_make(const struct overlay_sources *from, struct overlay *out)
{
    struct sweep w = {.from = from, .out = out};
    size_t n;
    struct item *item = gather(from, &n);
    *out = (struct overlay){.range = xalloc_zero(n, sizeof(*out->range))};
    for (size_t i = 0; i < n;)
        i += take(&w, item + i, n - i);
    free(item);
    free(w.state_of);
    free(w.slot);
}

void overlay_release(struct overlay *o)
{
    free(o->network);
    free(o->range);
    *o = (struct overlay){.network = NULL};
}
