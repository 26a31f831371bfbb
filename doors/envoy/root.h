/*
 * A configured filter, in one of Envoy's threads: a root context of the ABI. What it knows lies
 * here; nothing of it is seen by another thread but the cache.
 */
#ifndef ENVOY_ROOT_H
#define ENVOY_ROOT_H

#include "counters.h"
#include "flights.h"
#include "health.h"
#include "recent.h"
#include "settings.h"
#include "slots.h"
#include "waiters.h"

#include <archeio/snapshot.h>

struct root {
    struct root *next;
    uint32_t context;
    bool usable; /* there is a sound snapshot: else every request passes on */
    bool ticking;
    struct snapshot snapshot;
    struct client_rules rules;
    struct lpm proxies;
    struct settings settings; /* its strings are in `kept` */
    struct slots slots;
    struct recent recent;
    struct counters counters;
    struct health *health; /* one per store */
    struct flights flights;
    struct waiters waiters;
    void *kept[3]; /* memory: configuration, proxies, health */
};

/* The root of that context; NULL: it was never configured. */
struct root *root_find(uint32_t context);

/* (Re)configures a context. False: the configuration cannot be read, or there is no memory; what
 * was wrong has been logged. A snapshot that is missing or corrupt is logged, too, but is no reason
 * to refuse. */
bool root_configure(uint32_t context, struct str configuration);

/* A context is over: a root, or a request that waits. */
void root_delete(uint32_t context);

/* Does what is due, and switches the clock off if nothing can be due. */
void root_tick(struct root *r);

/* Something will be due. */
void root_start_ticking(struct root *r);

#endif
