/*
 * Deadlines, to about a tenth of a second. Moving a deadline further away, which every request
 * does, is a store: the timer stays where it is queued and is queued again when its turn comes.
 */
#ifndef IO_WHEEL_H
#define IO_WHEEL_H

#include <stdint.h>

#define WHEEL_SLOTS 512
#define WHEEL_TICK 100000000LL /* nanoseconds */

/* All zero is one that is not set. */
struct wheel_timer {
    struct wheel_timer *next;  /* private, as all */
    struct wheel_timer **link; /* what points here; NULL while it is not queued */
    int64_t deadline;
    int64_t tick; /* when it is looked at */
};

struct wheel {
    struct wheel_timer *slot[WHEEL_SLOTS];
    uint64_t occupied[WHEEL_SLOTS / 64]; /* a bit per slot */
    int64_t tick;                        /* all before it have been looked at */
    uint64_t queued;
};

void wheel_init(struct wheel *w, int64_t now);

/* Sets the deadline (nanoseconds, of the clock that wheel_expire() gets), or moves it. */
void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t deadline);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

/* A timer whose deadline has passed, no longer set; NULL when there is none left. */
struct wheel_timer *wheel_expire(struct wheel *w, int64_t now);

/* When wheel_expire() has something to look at (nanoseconds): a timer's deadline, or sooner where
 * that was moved or is far away. INT64_MAX: nothing is queued. */
int64_t wheel_next(const struct wheel *w);

#endif
