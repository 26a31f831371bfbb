/*
 * All addresses, divided by two prefix tables at once: for `archeio diff`.
 */
#ifndef CLI_PARTITION_H
#define CLI_PARTITION_H

#include <archeio/snapshot.h>

#define PARTITION_MIXED UINT32_MAX /* no key */

struct partition {
    const struct snapshot *before;
    const struct snapshot *after;
    /* What becomes of clients of these two networks, of which one is given; what has the same key
     * becomes one piece. */
    uint32_t (*key)(void *context, const struct addr *client, uint32_t before, uint32_t after);
    /* A piece, as large as a prefix can be. Together they are all addresses, each once; the order
     * is any. */
    void (*take)(void *context, const struct prefix *piece, uint32_t key);
    void *context;
};

/* Out of memory ends the program. */
void partition_walk(const struct partition *p);

#endif
