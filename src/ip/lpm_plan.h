/*
 * How the trie of a prefix table is cut into nodes.
 *
 * What prefixes say is first flattened into edges: the addresses at which the answer changes. A
 * node that looks at many bits at once saves steps but costs memory; dynamic programming, from the
 * last bit to the first, finds for every possible node the stride for which bytes and steps
 * together are least, a step of one edge being worth LPM_PLAN_STEP_COST entries.
 */
#ifndef IP_LPM_PLAN_H
#define IP_LPM_PLAN_H

#include <archeio/lpm.h>

/* With the published ranges, 18 gives 2.2 steps for IPv4, 4.9 for IPv6, and a trie of 1 MiB; 10
 * takes a quarter less memory and 2 to 4 ns more. */
#define LPM_PLAN_STEP_COST 18U

struct lpm_plan_edge {
    uint64_t half[2]; /* the first address of which the answer holds */
    uint16_t value;   /* or LPM_IMAGE_NOTHING */
    uint8_t depth;    /* bits of the address up to its last that is set */
};

struct lpm_plan {
    struct lpm_plan_edge *edge; /* sorted; the first is address 0 */
    size_t n;                   /* edges */
    unsigned bits;              /* of an address: 32 or 128 */
    uint8_t *stride;            /* [depth * n + first edge] */
    uint32_t *cost;             /* in entries: LPM_PREFIXES_MAX keeps it below 2^32 */
};

/* How much scratch lpm_plan_edges() needs for n prefixes, 8-byte aligned; and how many entries the
 * trie can take at most (a trie of strides 4, which the plan has to beat, gives the bound). */
size_t lpm_plan_scratch(size_t n);
uint64_t lpm_plan_bound(const struct lpm_entry *entries, size_t n);

/* The prefixes of one family that a plan is made for: entries[order[0]] to entries[order[n - 1]],
 * in the order of prefix_compare(), no two the same. */
struct lpm_plan_input {
    const struct lpm_entry *entries;
    const uint32_t *order;
    size_t n;
    unsigned bits; /* of an address: 32 or 128 */
};

/* Flattens the prefixes. Memory as above; it must stay while the plan is used. */
void lpm_plan_edges(struct lpm_plan *plan, const struct lpm_plan_input *input, void *scratch);

/* Chooses the strides. Returns the cost of it all: more entries than that the trie does not take.
 */
uint32_t lpm_plan_choose(struct lpm_plan *plan);

/* The stride of the node at `depth` whose edges begin at `first`: those that lie inside its part
 * of the address space, but not at its beginning. */
unsigned lpm_plan_stride(const struct lpm_plan *plan, unsigned depth, size_t first);

/* Where the edges end that share the first `depth` bits with edge i. */
size_t lpm_plan_group(const struct lpm_plan *plan, unsigned depth, size_t i);

#endif
