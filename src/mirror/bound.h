/*
 * How much is asked of one server at once, as it copes with that.
 *
 * Additive increase and multiplicative decrease (Chiu and Jain 1989, RFC 5681), and delay as the
 * second sign of too much, as LEDBAT has it (RFC 6817):
 *
 * - 429 and 503 halve the bound, once for all requests that were under way together.
 * - How much longer the server takes to answer than it took at best, in the last five to ten
 *   minutes, is its queue. It may be as long as that best, or half a second. With none the bound
 *   grows by one a round; the longer the queue, the less; beyond the limit it shrinks by up to one
 *   a round, but not below 4. The quickest of the last eight answers counts: single slow ones say
 *   nothing.
 * - At first it grows by one with each answer, so twofold a round, up to the first complaint or
 *   half of the queue that is allowed.
 * - It grows only as long as at least half of it is used.
 */
#ifndef MIRROR_BOUND_H
#define MIRROR_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#define BOUND_RECENT 8

struct bound { /* private; bound_begin() first */
    double places;
    unsigned most;
    bool rising;    /* nothing has been too much yet */
    double room;    /* of the queue that is allowed: 1: there is none, 0: it is full, -1: twofold */
    int64_t halved; /* when */
    int64_t since;  /* when the minutes of best[0] began */
    int64_t best[2]; /* of these minutes, and of those before; 0: nothing was measured */
    int64_t recent[BOUND_RECENT];
    unsigned n_recent;
};

void bound_begin(struct bound *b, unsigned first, unsigned most);

/* How much may be asked at once: from 1 to most. */
unsigned bound_places(const struct bound *b);

/* The server has answered. running: what was asked at once, with this. delay: nanoseconds from the
 * request's last byte to the answer's first, of requests that are alike; 0: not measured. now:
 * clock_now(). */
void bound_answer(struct bound *b, unsigned running, int64_t delay, int64_t now);

/* It said 429 or 503 to a request that was begun then. */
void bound_complaint(struct bound *b, int64_t begun, int64_t now);

#endif
