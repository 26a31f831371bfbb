/*
 * A bound on how much happens in a second, shared by threads: each takes its turn, and learns how
 * long it has to wait for it.
 */
#ifndef MIRROR_PACE_H
#define MIRROR_PACE_H

#include <stdint.h>

struct pace {             /* all zero: no bound */
    double cost;          /* nanoseconds for each */
    _Atomic int64_t next; /* when the next is due */
};

/* so many in that many nanoseconds; 0: no bound. Before it is used. */
void pace_set(struct pace *p, uint64_t n, int64_t ns);

/* Takes n now (clock_now()); returns how long to wait, in nanoseconds, before they are used. */
int64_t pace_take(struct pace *p, uint64_t n, int64_t now);

#endif
