#include "ip/lpm_plan.h"

#include "ip/lpm_image.h"

enum {
    V6_BITS = 128,
    ROWS = LPM_IMAGE_STRIDE_MAX + 1, /* that a choice looks at, and its own */
    BOUND_STRIDE = 4,
};

/* n prefixes have at most this many edges. */
static size_t edges_max(size_t n)
{
    return 2 * n + 1;
}

size_t lpm_plan_scratch(size_t n)
{
    return edges_max(n) * (sizeof(struct lpm_plan_edge) + ROWS * sizeof(uint32_t) + V6_BITS) +
           ROWS * sizeof(uint32_t);
}

uint64_t lpm_plan_bound(const struct lpm_entry *entries, size_t n)
{
    uint64_t longer[2][V6_BITS + 1] = {{0}}; /* prefixes of each length, then: longer ones */
    for (size_t i = 0; i < n; i++) {
        const struct prefix *p = &entries[i].prefix;
        longer[p->addr.family != ADDR_V4][p->bits < V6_BITS ? p->bits : V6_BITS]++;
    }
    uint64_t bound = 0;
    for (int family = 0; family < 2; family++) {
        uint64_t count = 0;
        for (unsigned depth = V6_BITS + 1; depth-- > 0;) {
            uint64_t edges = 2 * count;
            count += longer[family][depth];
            if (depth % BOUND_STRIDE != 0)
                continue;
            uint64_t nodes = depth < 32 && edges > 1ULL << depth ? 1ULL << depth : edges;
            bound += nodes * (1U << BOUND_STRIDE) + edges * LPM_PLAN_STEP_COST;
        }
    }
    return bound;
}

/* The answer changes to value at an address. */
static void add_edge(struct lpm_plan *plan, const uint64_t half[2], uint16_t value)
{
    struct lpm_plan_edge *last = plan->n > 0 ? &plan->edge[plan->n - 1] : NULL;
    if (last != NULL && last->half[0] == half[0] && last->half[1] == half[1]) {
        last->value = value;
        if (plan->n > 1 && last[-1].value == value)
            plan->n--;
        return;
    }
    if (last != NULL && last->value == value)
        return;
    struct lpm_plan_edge *edge = &plan->edge[plan->n++];
    *edge = (struct lpm_plan_edge){.half = {half[0], half[1]}, .value = value};
    if (half[1] != 0)
        edge->depth = (uint8_t)(V6_BITS - __builtin_ctzll(half[1]));
    else if (half[0] != 0)
        edge->depth = (uint8_t)(LPM_IMAGE_HALF - (unsigned)__builtin_ctzll(half[0]));
}

/* The first address behind a prefix; false if there is none. */
static bool address_behind(const struct prefix *p, uint64_t half[2])
{
    if (p->bits == 0)
        return false;
    half[0] = lpm_image_half(p->addr.bytes);
    half[1] = lpm_image_half(p->addr.bytes + 8);
    if (p->bits > LPM_IMAGE_HALF) {
        half[1] += 1ULL << (V6_BITS - p->bits);
        half[0] += half[1] == 0;
        return half[0] != 0 || half[1] != 0;
    }
    half[0] += 1ULL << (LPM_IMAGE_HALF - p->bits);
    return half[0] != 0;
}

/* Those prefixes that hold the address which the sweep has reached, the longest last. */
struct open {
    const struct lpm_entry *entry[V6_BITS + 1];
    unsigned n;
};

static void close_longest(struct lpm_plan *plan, struct open *open)
{
    uint64_t behind[2];
    const struct lpm_entry *closed = open->entry[--open->n];
    if (address_behind(&closed->prefix, behind))
        add_edge(plan, behind,
                 open->n > 0 ? (uint16_t)open->entry[open->n - 1]->value : LPM_IMAGE_NOTHING);
}

void lpm_plan_edges(struct lpm_plan *plan, const struct lpm_plan_input *input, void *scratch)
{
    size_t max = edges_max(input->n);
    *plan = (struct lpm_plan){.edge = scratch, .bits = input->bits};
    plan->cost = (uint32_t *)(void *)(plan->edge + max);
    plan->stride = (uint8_t *)(plan->cost + (max + 1) * ROWS);
    add_edge(plan, (const uint64_t[2]){0, 0}, LPM_IMAGE_NOTHING);
    struct open open = {.n = 0};
    for (size_t i = 0; i < input->n; i++) {
        const struct lpm_entry *e = &input->entries[input->order[i]];
        const uint8_t *bytes = e->prefix.addr.bytes;
        while (open.n > 0 && !prefix_holds(&open.entry[open.n - 1]->prefix, &e->prefix.addr))
            close_longest(plan, &open);
        add_edge(plan, (const uint64_t[2]){lpm_image_half(bytes), lpm_image_half(bytes + 8)},
                 (uint16_t)e->value);
        open.entry[open.n++] = e;
    }
    while (open.n > 0)
        close_longest(plan, &open);
}

static bool same_front(const struct lpm_plan_edge *a, const struct lpm_plan_edge *b, unsigned depth)
{
    if (depth == 0)
        return true;
    if (depth <= LPM_IMAGE_HALF)
        return (a->half[0] ^ b->half[0]) >> (LPM_IMAGE_HALF - depth) == 0;
    return a->half[0] == b->half[0] && (a->half[1] ^ b->half[1]) >> (V6_BITS - depth) == 0;
}

size_t lpm_plan_group(const struct lpm_plan *plan, unsigned depth, size_t i)
{
    size_t end = i + 1;
    while (end < plan->n && same_front(&plan->edge[i], &plan->edge[end], depth))
        end++;
    return end;
}

/* The costs at a depth, as sums over all nodes whose edges begin before the i-th. */
static uint32_t *cost_row(const struct lpm_plan *plan, unsigned depth)
{
    return plan->cost + depth % ROWS * (plan->n + 1);
}

static uint32_t choose_stride(struct lpm_plan *plan, unsigned depth, size_t begin, size_t end)
{
    unsigned limit =
        depth < LPM_IMAGE_HALF && plan->bits > LPM_IMAGE_HALF ? LPM_IMAGE_HALF : plan->bits;
    uint32_t least = UINT32_MAX;
    for (unsigned stride = 1; stride <= LPM_IMAGE_STRIDE_MAX && depth + stride <= limit; stride++) {
        const uint32_t *below = cost_row(plan, depth + stride);
        uint32_t cost = (1U << stride) + below[end] - below[begin];
        if (cost < least) {
            least = cost;
            plan->stride[depth * plan->n + begin] = (uint8_t)stride;
        }
    }
    return least + (uint32_t)(end - begin) * LPM_PLAN_STEP_COST;
}

uint32_t lpm_plan_choose(struct lpm_plan *plan)
{
    memset(cost_row(plan, plan->bits), 0, (plan->n + 1) * sizeof(uint32_t));
    for (unsigned depth = plan->bits; depth-- > 0;) {
        uint32_t *sum = cost_row(plan, depth);
        sum[0] = 0;
        for (size_t i = 0; i < plan->n;) {
            bool inside = plan->edge[i].depth > depth;
            size_t end = inside ? lpm_plan_group(plan, depth, i) : i + 1;
            uint32_t after = sum[i] + (inside ? choose_stride(plan, depth, i, end) : 0);
            while (i < end)
                sum[++i] = after;
        }
    }
    return cost_row(plan, 0)[plan->n];
}

unsigned lpm_plan_stride(const struct lpm_plan *plan, unsigned depth, size_t first)
{
    return plan->stride[depth * plan->n + first];
}
