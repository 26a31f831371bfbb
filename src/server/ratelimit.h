/*
 * How many requests a client may send: a token bucket for each, in the form of GCRA (ITU-T I.371
 * annex A: one time per client, the "theoretical arrival time", instead of a count and a time).
 * A client is an IPv4 address or an IPv6 /64, which is what one subscriber gets at least.
 *
 * One table for all workers: the kernel spreads a client's connections over them, so tables of
 * their own would each allow it the whole rate. It is the only memory on the request path that
 * workers share and write, and only while there is a limit. Nobody waits: an entry is 16 bytes, who
 * and until when, and changes as a whole, by compare-and-swap.
 *
 * The memory is fixed. An entry whose time has passed says nothing any more and is used again.
 * Where a set of four holds none such, the client that has used least is forgotten and starts anew:
 * forgetting allows more, never less, so no number of addresses makes another client wait. Which
 * clients share a set is keyed with a secret, so none can choose whom it makes forgotten.
 */
#ifndef SERVER_RATELIMIT_H
#define SERVER_RATELIMIT_H

#include <archeio/lpm.h>

#include <stdatomic.h>

struct ratelimit_set;

/* The clients' times. They outlive rules: a reload keeps them. */
struct ratelimit {
    struct ratelimit_set *sets;
    uint64_t n_sets;
    uint64_t seed;
    _Atomic uint64_t forgotten; /* clients whose time had not passed */
};

/* What holds of all clients, and may differ from call to call. */
struct ratelimit_rules {
    int64_t interval;         /* nanoseconds for one request */
    int64_t window;           /* nanoseconds: the interval, times as many as may come at once */
    const struct lpm *exempt; /* any match is not limited; NULL: nobody is exempt */
};

/* rate: requests an hour, 1 to 3600000000; burst: 1 to 1000000. */
struct ratelimit_rules ratelimit_rules(uint64_t rate, uint32_t burst, const struct lpm *exempt);

/* In at most `memory` bytes, at least one set (64 bytes): reserved now, touched as it fills. False:
 * not to be had. ratelimit_close() in every case. */
bool ratelimit_open(struct ratelimit *r, uint64_t memory);
void ratelimit_close(struct ratelimit *r);

/* Takes one request of a client's. 0: it may be answered. Otherwise it counts as not sent, and the
 * result is how many whole seconds, at least 1, until one may (Retry-After, RFC 9110 section
 * 10.2.3). An address of no family is not limited: what cannot be told apart would share one limit.
 * now: nanoseconds of the monotonic clock; workers' may differ by up to a second. Any thread. */
uint32_t ratelimit_take(struct ratelimit *r, const struct ratelimit_rules *rules,
                        const struct addr *client, int64_t now);

#endif
