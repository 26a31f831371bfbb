/*
 * What is known of addresses by different sources, laid over one another: published ranges say
 * whose an address is and where, routing data of which autonomous system it is, and routes name
 * prefixes of their own. For every address each source's longest prefix counts.
 */
#ifndef RANGES_OVERLAY_H
#define RANGES_OVERLAY_H

#include "ranges/ranges.h"

struct overlay_asn {
    struct prefix prefix; /* without host bits */
    uint32_t asn;         /* 0: of none */
};

struct overlay_sources {
    const struct ranges *ranges;
    const struct overlay_asn *asn; /* of the same prefix, the first counts */
    size_t n_asns;
    const uint32_t *named; /* autonomous systems that routes tell apart, in ascending order; all
                            * others are one */
    size_t n_named;
    const struct prefix *inside; /* those of routes, without host bits; may repeat */
    size_t n_inside;
};

struct overlay {
    struct policy_network *network; /* no two alike; their text is that of the ranges */
    size_t n_networks;
    struct policy_range *range; /* each prefix once, in the order of prefix_compare() */
    size_t n_ranges;
};

/* Every published prefix is in the result, so that it can be named; of the others only those that
 * say something else than what they lie in. Out of memory ends the program. */
void overlay_make(const struct overlay_sources *from, struct overlay *out);
void overlay_release(struct overlay *o);

#endif
