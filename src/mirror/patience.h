/*
 * How slow a server may be: below PATIENCE_BYTES in each minute that it is waited for, which is 1
 * KiB a second, it has stalled, or is dripping to hold what waits for it. Time in which it is not
 * its turn does not count: a pause for want of room, a bound on bandwidth.
 */
#ifndef MIRROR_PATIENCE_H
#define MIRROR_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_NS INT64_C(60000000000)
#define PATIENCE_BYTES 61440

struct patience { /* all zero at first */
    int64_t waited;
    uint64_t before; /* bytes, when this minute began */
};

/* It has been waited for ns nanoseconds more. bytes: all that have moved so far, either way; asked
 * for by the minute only. least: in each, PATIENCE_BYTES, or fewer of who may take longer. True:
 * that was too slow. */
bool patience_ends(struct patience *p, int64_t ns, uint64_t (*bytes)(const void *owner),
                   const void *owner, uint64_t least);

#endif
