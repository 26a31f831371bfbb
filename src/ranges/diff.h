/*
 * What changed from one set of ranges to another, per cloud and region.
 */
#ifndef RANGES_DIFF_H
#define RANGES_DIFF_H

#include "ranges/ranges.h"

struct diff_place {
    struct str cloud; /* of one of the two sets, with whose memory it goes */
    struct str region;
    uint32_t added; /* prefixes, those that came from another place included */
    uint32_t removed;
};

struct diff {
    struct diff_place *place; /* those that changed, by cloud, then region */
    size_t n_places;
    uint32_t added; /* prefixes in all */
    uint32_t removed;
};

/* before may be NULL: there was nothing. diff_release() it. */
struct diff diff_ranges(const struct ranges *before, const struct ranges *after);
void diff_release(struct diff *d);

#endif
