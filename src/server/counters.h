/*
 * What is counted. Each worker has its own numbers, written by it alone and read by the control
 * thread at any time; relaxed atomics that compile to plain additions.
 */
#ifndef SERVER_COUNTERS_H
#define SERVER_COUNTERS_H

#include "exist/exist.h"
#include <archeio/decide.h>
#include <archeio/snapshot.h>

static inline void counters_add(uint64_t *n, uint64_t by)
{
    __atomic_store_n(n, __atomic_load_n(n, __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
}

static inline uint64_t counters_get(const uint64_t *n)
{
    return __atomic_load_n(n, __ATOMIC_RELAXED);
}

/* Errors that are answered without a decision. */
enum counters_error {
    COUNTERS_400,
    COUNTERS_408,
    COUNTERS_414,
    COUNTERS_429, /* by the rate limit */
    COUNTERS_431,
    COUNTERS_505,
    COUNTERS_NO_HTTP, /* closed without an answer */
    COUNTERS_ERRORS
};

/* "400"; "none" for COUNTERS_NO_HTTP. */
const char *counters_error_name(enum counters_error error);
enum counters_error counters_error_of(unsigned status);

/* What does not depend on a generation. */
struct counters_worker {
    uint64_t accepted;
    uint64_t closed;
    uint64_t shed;
    uint64_t client_failures;
    uint64_t crowded;    /* connections refused for want of a place of their client's */
    uint64_t handshakes; /* of TLS, begun */
    uint64_t handshakes_resumed;
    uint64_t handshakes_failed;
    uint64_t errors[COUNTERS_ERRORS];
    uint64_t lookups[EXIST_STATES];
    uint64_t gave_up;             /* clients that waited for a HEAD in vain */
    uint64_t asked[DECIDE_STEPS]; /* of the decision endpoint, by step; 0: no decision was made */
};

/* Answers by step and status: step R10 has two (400, 307). */
#define COUNTERS_STEPS (DECIDE_STEPS + 1)
#define COUNTERS_R10_UPSTREAM DECIDE_STEPS

/* The statuses of step "route", whose answers are of many: all that <archeio/snapshot.h> allows. */
#define COUNTERS_ROUTE_STATUSES 106

/* Views of the numbers of one worker under one snapshot. */
struct counters_answered {
    uint64_t *step;    /* COUNTERS_STEPS */
    uint64_t *store;   /* of step R12, n_stores */
    uint64_t *network; /* n_networks */

    /* Those from here on are there if the snapshot has routes: */
    uint64_t *status;      /* of step "route", COUNTERS_ROUTE_STATUSES */
    uint64_t *route_store; /* of these, the answers that lead to a store, n_stores */
    uint64_t *route;       /* requests that a route took, whatever their answer, n_routes */
};

/* How many numbers that is, a multiple of 8, so that two workers' share no cache line. */
size_t counters_answered_size(const struct snapshot *s);

struct counters_answered counters_answered_at(uint64_t *numbers, const struct snapshot *s);

/* For an answer whose route is one. */
void counters_routed(const struct counters_answered *c, const struct decide_answer *answer);

static inline void counters_answer(const struct counters_answered *c,
                                   const struct decide_answer *answer)
{
    unsigned step =
        answer->step == DECIDE_R10 && answer->status == 307 ? COUNTERS_R10_UPSTREAM : answer->step;
    counters_add(&c->step[step], 1);
    counters_add(&c->network[answer->network], 1);
    if (answer->route != DECIDE_NO_ROUTE)
        counters_routed(c, answer);
    else if (answer->store != DECIDE_NO_STORE)
        counters_add(&c->store[answer->store], 1);
}

/* The status that goes with a row of counters_answered.step (but for step "route"), or .status. */
unsigned counters_step_status(unsigned row);
unsigned counters_route_status(unsigned row);
enum decide_step counters_step(unsigned row);

/* Sums under names that outlive a snapshot. All zero is empty; the names are owned. */
struct counters_named {
    struct counters_name {
        char *name; /* a store, a route, or a cloud */
        char *part; /* "", or a region */
        uint64_t n;
    } * row;
    size_t n;
    size_t next; /* private: where the next look-up begins, since names come in the same order */
};

struct counters_total {
    uint64_t step[COUNTERS_STEPS];
    uint64_t status[COUNTERS_ROUTE_STATUSES];
    struct counters_named stores;
    struct counters_named networks;
    struct counters_named route_stores;
    struct counters_named routes;
};

/* Adds what was answered under a snapshot, or another total. False: no memory, and some of it is
 * lost. */
bool counters_total_add(struct counters_total *total, const struct counters_answered *c,
                        const struct snapshot *s);
bool counters_total_merge(struct counters_total *total, const struct counters_total *other);

/* Forgets the names of routes that this snapshot has not: however often the configuration changes,
 * there are not more rows than it has routes, and one, without a name, of those that are gone. */
void counters_total_forget_routes(struct counters_total *total, const struct snapshot *s);
void counters_total_clear(struct counters_total *total);

#endif
