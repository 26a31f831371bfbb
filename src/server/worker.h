/*
 * A worker: one thread with one event loop, its own listeners, connections, buffers and counters.
 * It shares nothing that is written while requests are answered, but the table of a rate limit.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "http/http1.h"
#include "http/respond.h"
#include "io/listener.h"
#include "io/slab.h"
#include "io/stream.h"
#include "server/access.h"
#include "server/counters.h"
#include "server/crowd.h"
#include "server/generation.h"
#include "server/ratelimit.h"
#include "sys/blocks.h"

#include <pthread.h>

#define WORKER_OUTPUT STREAM_OUTPUT /* bytes of answers that are sent at once, at most */

enum worker_phase {
    WORKER_SERVE,
    WORKER_REFUSE, /* new connections are turned away, those begun are still accepted */
    WORKER_DRAIN,  /* the listeners are closed; each connection ends after its next answer */
    WORKER_END,    /* whatever is left is closed */
};

/* What all workers share. */
struct worker_shared {
    struct exist *exist;
    struct access_log *log;
    struct ratelimit ratelimit; /* not open: there is no limit to be had */
    struct crowd crowd;         /* the same */
    uint64_t max_per_client;    /* connections; 0: any number */
    uint64_t max_connections;
    uint64_t connections;          /* atomic: open now, of all workers */
    struct generation *generation; /* atomic: the current one */
    int phase;                     /* atomic: enum worker_phase */
    size_t n_listeners;            /* of each worker */
    bool decides;                  /* the last of them is the decision endpoint */
};

/* All zero but for `shared`, and wake.fd and loop.epoll of -1: one that is not open. */
struct worker {
    unsigned number;
    struct worker_shared *shared;
    struct generation *generation; /* that this turn uses */
    struct counters_answered answered;
    struct counters_worker counters;
    struct access_ring *ring; /* NULL: no access log */
    struct loop loop;
    struct listener *listener;
    struct loop_source wake;  /* the control thread has changed something */
    struct loop_source exist; /* answers of the prober have come */
    struct slab conns;
    struct slab requests; /* of "server/h2.h" */
    struct pool pool;
    struct blocks blocks; /* of HTTP/2's sessions and of OpenSSL */
    struct conn *conn;    /* all that are open, in no order */
    char *output;
    struct decide_listener *decide; /* NULL: there is no decision endpoint */
    int phase;                      /* enum worker_phase, as far as this worker has gone */
    int64_t date_turn;              /* loop.now when the clock was read for `date` */
    int64_t date_second;
    char date[RESPOND_DATE_SIZE];
    struct http_request request; /* the one being answered */
    uint64_t seen;               /* atomic: the number of the generation that is used */
    int ended;                   /* atomic: the thread has nothing left to do */
    pthread_t thread;
    bool started;
};

/* Takes the memory and descriptors that it needs; the listeners are opened (listener.h). False and
 * one logged line: none to be had. */
bool worker_open(struct worker *w, unsigned number);

/* Starts the thread on a CPU; -1: any. False: none to be had. */
bool worker_start(struct worker *w, int cpu);

/* Makes the worker look at worker_shared. From any thread. */
void worker_wake(struct worker *w);

/* Joins the thread, if it was started, and releases everything. */
void worker_close(struct worker *w);

#endif
