#include <archeio/lpm.h>

#include "ip/lpm_image.h"
#include "ip/lpm_plan.h"

enum { V4_BYTES = 4, V6_BYTES = 16, V4_BITS = 32, V6_BITS = 128 };

/* Of what there is one for IPv4 and one for IPv6. */
static unsigned family_index(enum addr_family family)
{
    return family == ADDR_V6;
}

size_t lpm_image_bound(const struct lpm_entry *entries, size_t n)
{
    if (n > LPM_PREFIXES_MAX)
        return SIZE_MAX;
    uint64_t bound = sizeof(struct lpm_image_head) + n * (V6_BYTES + 1U) +
                     lpm_plan_bound(entries, n) * sizeof(uint32_t);
    return bound < SIZE_MAX ? (size_t)bound : SIZE_MAX;
}

size_t lpm_scratch_size(size_t n)
{
    if (n > LPM_PREFIXES_MAX)
        return SIZE_MAX;
    return lpm_plan_scratch(n) + 2 * n * sizeof(uint32_t);
}

/* A walk through the whole trie, in the order in which it is written. */
struct check {
    const uint32_t *entry;
    uint32_t n;
    uint32_t next; /* where the next node must begin */
};

/* An entry that stands at a depth, and all below it: each node begins where the one before it in
 * the walk ended. So all are inside, and none is met twice. */
static bool check_entry(struct check *c, uint32_t entry, unsigned depth, unsigned bits)
{
    if ((entry & LPM_IMAGE_NODE) == 0)
        return entry <= LPM_IMAGE_NOTHING;
    unsigned stride = lpm_image_stride(entry);
    unsigned limit = depth < LPM_IMAGE_HALF && bits > LPM_IMAGE_HALF ? LPM_IMAGE_HALF : bits;
    uint32_t node = lpm_image_offset(entry), size = 1U << stride;
    if (((entry & LPM_IMAGE_HIGH) == 0) != (depth == LPM_IMAGE_HALF) || depth + stride > limit ||
        node != c->next || size > c->n - node)
        return false;
    c->next += size;
    for (uint32_t i = 0; i < size; i++)
        if (!check_entry(c, c->entry[node + i], depth + stride, bits))
            return false;
    return true;
}

/* The i-th prefix of a family. */
static struct prefix prefix_at(const struct lpm *table, unsigned f, size_t i)
{
    size_t width = f == 0 ? V4_BYTES : V6_BYTES;
    struct prefix p = {.addr.family = f == 0 ? ADDR_V4 : ADDR_V6, .bits = table->lengths[f][i]};
    memcpy(p.addr.bytes, table->addresses[f] + i * width, width);
    return p;
}

/* A prefix as numbers, so that hundreds of thousands are checked in a few milliseconds. */
struct numbers {
    uint64_t half[2];
    unsigned bits;
};

static struct numbers numbers_at(const struct lpm *table, unsigned f, size_t i)
{
    const struct prefix p = prefix_at(table, f, i);
    return (struct numbers){{lpm_image_half(p.addr.bytes), lpm_image_half(p.addr.bytes + 8)},
                            p.bits};
}

static bool has_host_bits(const struct numbers *p)
{
    if (p->bits < LPM_IMAGE_HALF)
        return (p->half[0] << p->bits | p->half[1]) != 0;
    return p->bits < V6_BITS && p->half[1] << (p->bits - LPM_IMAGE_HALF) != 0;
}

/* As prefix_compare() of one family. */
static bool stands_before(const struct numbers *a, const struct numbers *b)
{
    if (a->half[0] != b->half[0])
        return a->half[0] < b->half[0];
    return a->half[1] != b->half[1] ? a->half[1] < b->half[1] : a->bits < b->bits;
}

static bool check_prefixes(const struct lpm *table, unsigned f)
{
    struct numbers last = {.bits = 0};
    for (size_t i = 0; i < table->n_prefixes[f]; i++) {
        const struct numbers p = numbers_at(table, f, i);
        if (p.bits > (f == 0 ? V4_BITS : V6_BITS) || has_host_bits(&p) ||
            (i > 0 && !stands_before(&last, &p)))
            return false;
        last = p;
    }
    return true;
}

/* Where the parts lie; false if the size is another than theirs. */
static bool lay_out(struct lpm *table, const struct lpm_image_head *head)
{
    const uint64_t n[2] = {head->n_prefixes[0], head->n_prefixes[1]};
    uint64_t at = sizeof(*head) + (uint64_t)head->n_entries * sizeof(uint32_t);
    if (table->size != at + n[0] * (V4_BYTES + 1) + n[1] * (V6_BYTES + 1))
        return false;
    table->entries = (const uint32_t *)(const void *)(head + 1);
    table->addresses[0] = table->image + at;
    table->addresses[1] = table->addresses[0] + n[0] * V4_BYTES;
    table->lengths[0] = table->addresses[1] + n[1] * V6_BYTES;
    table->lengths[1] = table->lengths[0] + n[0];
    for (unsigned f = 0; f < 2; f++)
        table->n_prefixes[f] = head->n_prefixes[f];
    return true;
}

const char *lpm_open(struct lpm *table, const void *image, size_t size)
{
    const struct lpm_image_head *head = image;
    *table = (struct lpm){.image = image, .size = size};
    if (size < sizeof(*head))
        return "the prefix table is cut short";
    if (head->magic != LPM_IMAGE_MAGIC)
        return "the prefix table is of another version or byte order";
    if (head->n_entries > LPM_IMAGE_ENTRIES_MAX || !lay_out(table, head))
        return "the prefix table's size is wrong";
    struct check c = {.entry = table->entries, .n = head->n_entries};
    if (!check_entry(&c, head->root[0], 0, V4_BITS) ||
        !check_entry(&c, head->root[1], 0, V6_BITS) || c.next != c.n)
        return "the prefix table's trie is damaged";
    if (!check_prefixes(table, 0) || !check_prefixes(table, 1))
        return "the prefix table's prefixes are damaged";
    table->root[0] = LPM_IMAGE_NOTHING;
    table->root[ADDR_V4] = head->root[0];
    table->root[ADDR_V6] = head->root[1];
    return NULL;
}

/* Goes down from a node to a leaf, or to a node that looks at the other half. */
static inline uint32_t walk(const uint32_t *entries, uint32_t entry, uint64_t half)
{
    const uint32_t node = LPM_IMAGE_NODE | LPM_IMAGE_HIGH;
    do {
        unsigned shift = entry >> LPM_IMAGE_SHIFT; /* 64 - stride */
        entry = entries[lpm_image_offset(entry) + (half >> shift)];
        half <<= LPM_IMAGE_HALF - shift;
    } while ((entry & node) == node);
    return entry;
}

uint32_t lpm_lookup(const struct lpm *table, const struct addr *a)
{
    uint32_t entry = table->root[a->family];
    if (entry & LPM_IMAGE_NODE)
        entry = walk(table->entries, entry, lpm_image_half(a->bytes));
    if (entry & LPM_IMAGE_NODE)
        entry = walk(table->entries, entry | LPM_IMAGE_HIGH, lpm_image_half(a->bytes + 8));
    return entry == LPM_IMAGE_NOTHING ? LPM_NONE : entry;
}

/* How many of a family's prefixes stand before p or are p. */
static size_t count_up_to(const struct lpm *table, unsigned f, const struct prefix *p)
{
    size_t low = 0, high = table->n_prefixes[f];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct prefix at = prefix_at(table, f, middle);
        if (prefix_compare(&at, p) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many bits two addresses have in common at the front. */
static unsigned common_bits(const struct addr *a, const struct addr *b)
{
    unsigned i = 0;
    while (i < V6_BYTES && a->bytes[i] == b->bytes[i])
        i++;
    return i == V6_BYTES
               ? V6_BITS
               : 8 * i + (unsigned)__builtin_clz((unsigned)(a->bytes[i] ^ b->bytes[i])) - 24;
}

uint32_t lpm_match(const struct lpm *table, const struct addr *a, struct prefix *matched)
{
    uint32_t value = lpm_lookup(table, a);
    if (value == LPM_NONE)
        return LPM_NONE;
    unsigned f = family_index(a->family);
    struct prefix p = {.addr = *a, .bits = f == 0 ? V4_BITS : V6_BITS};
    /* Whatever holds a stands before it, and holds, or is, all that stands in between: so the last
     * one before it is the answer, or has no more bits in common with it than the answer has. */
    for (size_t n; (n = count_up_to(table, f, &p)) > 0;) {
        struct prefix before = prefix_at(table, f, n - 1);
        if (prefix_holds(&before, a)) {
            *matched = before;
            return value;
        }
        p.bits = (uint8_t)common_bits(&before.addr, a);
        p.addr = *a;
        prefix_clear_host(&p);
    }
    return LPM_NONE;
}

uint32_t lpm_count(const struct lpm *table, enum addr_family family)
{
    return table->n_prefixes[family_index(family)];
}

struct prefix lpm_prefix(const struct lpm *table, enum addr_family family, uint32_t i)
{
    return prefix_at(table, family_index(family), i);
}
