/*
 * A longest-prefix-match table in memory of its own, where no snapshot is made: for the tools, and
 * for lists of prefixes in the configuration.
 */
#ifndef RANGES_LOOKUP_H
#define RANGES_LOOKUP_H

#include "config/config.h"
#include "ranges/ranges.h"
#include <archeio/lpm.h>

struct lookup {
    struct lpm table;
    void *image; /* owned: lookup_release() it */
};

/* The table of n entries. False: there is no memory, or an entry or their number is unfit
 * (lpm_build()); nothing is to be released then. */
bool lookup_build(struct lookup *l, const struct lpm_entry *entries, size_t n);

/* The table of a list of prefixes, all with the same value. */
bool lookup_build_prefixes(struct lookup *l, const struct config_prefixes *prefixes);

/* The table of all ranges; the values are indices of r->place. False as above. */
bool lookup_build_ranges(struct lookup *l, const struct ranges *r);

/* Harmless on one that is all zero. */
void lookup_release(struct lookup *l);

#endif
