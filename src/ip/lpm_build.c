#include <archeio/lpm.h>

#include "ip/lpm_image.h"
#include "ip/lpm_plan.h"

enum { V4_BYTES = 4, V6_BYTES = 16 };

static bool fit(const struct lpm_entry *e)
{
    struct prefix cleared = e->prefix;
    unsigned family = e->prefix.addr.family, bits = e->prefix.bits;
    return (family == ADDR_V4 || family == ADDR_V6) && bits <= (family == ADDR_V4 ? 32U : 128U) &&
           e->value <= LPM_VALUE_MAX && !prefix_clear_host(&cleared);
}

/* Merges two sorted halves of from into to; of equal prefixes the left half's stand first. */
static void merge(const struct lpm_entry *entries, const uint32_t *from, size_t middle, size_t end,
                  uint32_t *to)
{
    size_t left = 0, right = middle;
    for (size_t i = 0; i < end; i++) {
        if (left < middle && (right == end || prefix_compare(&entries[from[left]].prefix,
                                                             &entries[from[right]].prefix) <= 0))
            to[i] = from[left++];
        else
            to[i] = from[right++];
    }
}

/* Merge sort, bottom up, because it is stable, knows its memory beforehand, and finds what is
 * sorted already at the cost of one comparison. Returns which of the two arrays holds the result.
 */
static uint32_t *sort(const struct lpm_entry *entries, size_t n, uint32_t *order, uint32_t *spare)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t end = n - i < 2 * width ? n - i : 2 * width;
            size_t middle = end < width ? end : width;
            if (middle == end || prefix_compare(&entries[order[i + middle - 1]].prefix,
                                                &entries[order[i + middle]].prefix) <= 0)
                memcpy(spare + i, order + i, end * sizeof(*order));
            else
                merge(entries, order + i, middle, end, spare + i);
        }
        uint32_t *sorted = spare;
        spare = order;
        order = sorted;
    }
    return order;
}

/* Drops all but the first of equal prefixes; returns how many are left. */
static size_t unique(const struct lpm_entry *entries, uint32_t *order, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 ||
            prefix_compare(&entries[order[kept - 1]].prefix, &entries[order[i]].prefix) != 0)
            order[kept++] = order[i];
    return kept;
}

/* The trie while it is written. */
struct trie {
    const struct lpm_plan *plan;
    uint32_t *entry;
    uint32_t n; /* entries written */
};

static uint32_t slot(const struct lpm_plan_edge *edge, unsigned depth, unsigned stride)
{
    uint64_t half = edge->half[depth / LPM_IMAGE_HALF] << depth % LPM_IMAGE_HALF;
    return (uint32_t)(half >> (LPM_IMAGE_HALF - stride));
}

/* Writes the node for the edges [begin, end) at a depth, and all below it. Returns the entry that
 * refers to it. */
static uint32_t write_node(struct trie *t, unsigned depth, size_t begin, size_t end)
{
    const struct lpm_plan_edge *edge = t->plan->edge;
    unsigned stride = lpm_plan_stride(t->plan, depth, begin);
    uint32_t node = t->n, size = 1U << stride, at = 0;
    uint32_t answer = edge[begin - 1].value;
    t->n += size;
    for (size_t i = begin; i < end;) {
        uint32_t next = slot(&edge[i], depth, stride);
        while (at < next)
            t->entry[node + at++] = answer;
        size_t inside_end = lpm_plan_group(t->plan, depth + stride, i);
        if (edge[i].depth <= depth + stride)
            i++;
        if (i < inside_end)
            t->entry[node + at++] = write_node(t, depth + stride, i, inside_end);
        i = inside_end;
        answer = edge[i - 1].value;
    }
    while (at < size)
        t->entry[node + at++] = answer;
    return LPM_IMAGE_NODE | (depth == LPM_IMAGE_HALF ? 0 : LPM_IMAGE_HIGH) |
           (LPM_IMAGE_STRIDE_MAX - stride) << LPM_IMAGE_SHIFT | node;
}

/* Writes a family's trie behind what is there and sets its root entry; false if there would be too
 * many entries. */
static bool write_trie(const struct lpm_plan_input *input, void *scratch,
                       struct lpm_image_head *head, uint32_t *root)
{
    struct lpm_plan plan;
    lpm_plan_edges(&plan, input, scratch);
    *root = plan.edge[0].value;
    if (plan.n == 1)
        return true;
    bool fits = lpm_plan_choose(&plan) <= LPM_IMAGE_ENTRIES_MAX - head->n_entries;
    struct trie t = {&plan, (uint32_t *)(void *)(head + 1), head->n_entries};
    if (fits)
        *root = write_node(&t, 0, 1, plan.n);
    head->n_entries = t.n;
    return fits;
}

/* Writes the sorted prefixes; returns what follows them. */
static unsigned char *write_prefixes(const struct lpm_plan_input family[2], unsigned char *to)
{
    for (int f = 0; f < 2; f++) {
        size_t width = f == 0 ? V4_BYTES : V6_BYTES;
        for (size_t i = 0; i < family[f].n; i++, to += width)
            memcpy(to, family[f].entries[family[f].order[i]].prefix.addr.bytes, width);
    }
    for (int f = 0; f < 2; f++)
        for (size_t i = 0; i < family[f].n; i++)
            *to++ = family[f].entries[family[f].order[i]].prefix.bits;
    return to;
}

size_t lpm_build(const struct lpm_entry *entries, size_t n, void *scratch, size_t scratch_size,
                 void *image)
{
    if (n > LPM_PREFIXES_MAX || scratch_size < lpm_scratch_size(n))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!fit(&entries[i]))
            return 0;
    unsigned char *plan_scratch = scratch;
    uint32_t *spare = (uint32_t *)(void *)(plan_scratch + lpm_plan_scratch(n));
    uint32_t *order = sort(entries, n, spare, spare + n);
    size_t n_all = unique(entries, order, n), n_v4 = 0;
    while (n_v4 < n_all && entries[order[n_v4]].prefix.addr.family == ADDR_V4)
        n_v4++;
    const struct lpm_plan_input family[2] = {
        {.entries = entries, .order = order, .n = n_v4, .bits = 32},
        {.entries = entries, .order = order + n_v4, .n = n_all - n_v4, .bits = 128},
    };
    struct lpm_image_head *head = image;
    bool fits = true;
    *head = (struct lpm_image_head){.magic = LPM_IMAGE_MAGIC};
    for (int f = 0; f < 2; f++) {
        head->n_prefixes[f] = (uint32_t)family[f].n;
        fits = fits && write_trie(&family[f], plan_scratch, head, &head->root[f]);
    }
    unsigned char *behind = (unsigned char *)(head + 1) + head->n_entries * sizeof(uint32_t);
    return fits ? (size_t)(write_prefixes(family, behind) - (unsigned char *)image) : 0;
}
