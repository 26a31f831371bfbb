/*
 * Requests that wait for a store's answer. Of a request nothing is kept but whose it is and what it
 * has asked: it is read and decided again, when it goes on.
 */
#ifndef ENVOY_WAITERS_H
#define ENVOY_WAITERS_H

#include "slots.h"

#define WAITERS_MAX 1024 /* at once, in a thread; the next does not wait */
#define WAITERS_NONE UINT32_MAX

struct waiters_one {
    uint32_t context;       /* of the request; 0: this place is free */
    uint32_t flight;        /* that it waits for; WAITERS_NONE: it may go on */
    uint32_t at;            /* of the questions that its decision asks, the last that was asked */
    enum slots_state state; /* the answer to it */
    int64_t deadline;       /* when it stops waiting */
};

struct waiters {
    uint32_t n;
    struct waiters_one one[WAITERS_MAX];
};

/* False: there is no room. */
bool waiters_add(struct waiters *w, const struct waiters_one *one);

/* All who wait for that flight may go on, with this answer. */
void waiters_answer(struct waiters *w, uint32_t flight, enum slots_state state);

/* Whose time is over may go on, without an answer; how many there were. */
uint32_t waiters_give_up(struct waiters *w, int64_t now);

/* That request is gone. */
void waiters_drop(struct waiters *w, uint32_t context);

/* Takes out one who may go on; false: there is none. */
bool waiters_take(struct waiters *w, struct waiters_one *one);

#endif
