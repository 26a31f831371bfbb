/*
 * The thread that asks stores.
 *
 * It sleeps until a worker rings, and opens libcurl then. Questions become flights; flights become
 * HEADs, so many per store at once; what is learnt goes into the cache, to whoever waits, and into
 * the store's health.
 */
#ifndef EXIST_PROBER_H
#define EXIST_PROBER_H

#include "exist/cache.h"
#include "exist/flights.h"
#include "exist/index_thread.h"
#include "exist/stores.h"
#include "exist/watch.h"

#include <pthread.h>

/* What all threads share. */
struct exist {
    struct cache cache;
    struct stores stores;
    struct index_table indexes;
    struct index_thread *index_thread; /* NULL: no index was ever wanted */
    struct asker *asker;               /* one per worker; so is the next */
    struct watch *watch;
    unsigned workers;
    uint64_t seed; /* of key_hash() */
    uint32_t store_requests;
    uint32_t queue;
    _Atomic int64_t present_ttl;
    _Atomic int64_t absent_ttl;
    _Atomic int64_t error_ttl;
    _Atomic int64_t head_timeout;
    _Atomic int64_t index_refresh;
    _Atomic int64_t index_max_age;
    _Atomic uint64_t index_memory;
    _Atomic uint64_t rechecks;
    struct ring_bell bell;
    atomic_bool stop;
    struct prober *prober;
};

struct prober {
    struct exist *exist;
    pthread_t thread;
    bool started;
    const struct libcurl *curl;
    bool tried; /* to open libcurl */
    CURLM *multi;
    struct flights flights;
    struct head *busy;
    struct head *idle; /* for the next HEADs */
    unsigned n_idle;

    /* Of "exist/sweep.h". */
    int64_t ticked;                 /* when it last did something */
    int64_t next_tick;              /* when it will */
    double credit[2][CACHE_TABLES]; /* groups of buckets to visit: of what is present, and absent */
};

/* NULL and *why if there is no memory or no thread. prober_free() ends it. */
struct prober *prober_new(struct exist *e, const char **why);
void prober_free(struct prober *p);

/* For "exist/sweep.h": sends a HEAD that no client waits for, now; kind is not FLIGHT_ASKED. False:
 * no memory. */
bool prober_check(struct prober *p, const struct key *key, enum flight_kind kind, int64_t now);

#endif
