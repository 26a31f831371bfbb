/*
 * The control thread's own: what server.c, swap.c, drain.c, admin.c and metrics.c share.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "server/server.h"
#include "server/worker.h"

struct control {
    const struct server_hooks *hooks;
    struct worker_shared shared;
    struct tls_tickets *tickets;
    struct worker *worker;
    unsigned n_workers;
    struct endpoint *address;
    struct config *start; /* what it was started with; kept, because some of it holds to the end */
    struct generation *current;
    struct generation *retired;  /* the one before it, while a worker may still use it */
    struct counters_total total; /* of all generations before those */
    bool reload_wanted;          /* when the retired generation is gone */
    bool reload_refused;         /* the last one */
    struct loop loop;
    struct loop_source signals;
    struct loop_source updates;
    struct pages *admin;     /* NULL: it is off */
    uint64_t trimmed_closed; /* connections that had ended when unused memory was last returned, */
    int64_t trimmed_at;      /* and when that was */
    bool draining;
    int64_t phase_until; /* while draining: when the next phase begins; 0: there is none */
    int64_t drain_until;
};

#endif
