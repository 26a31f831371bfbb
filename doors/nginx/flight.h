/*
 * Questions to stores: HEADs, each a subrequest in the background of the client's request that
 * asked first, to the location that `archeio_existence` names. There its URL is
 * $archeio_question.
 *
 * One HEAD is in flight per key and worker, however many clients wait for it. It belongs to the
 * request that began it: that can be answered before, but its connection takes no further request
 * until then; if nginx ends it (the client reset the connection), whoever else waits asks anew.
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include "conf.h"

#define FLIGHT_STORE_MAX 64 /* HEADs at once per worker, store, and kind of its objects */

struct flight;

struct flight_question {
    const struct conf_main *conf;
    const struct conf_location *location;
    struct conf_objects *objects; /* of a store */
    bool by_path;                 /* they are those that have one */
    struct str url;               /* the store's, and ... */
    struct str object;            /* ... what has to follow it */
    struct key key;
};

/* A client that waits: embedded in whatever waits, which sets the event's handler, data and log.
 * The event comes with the answer, or as a timer that the owner set. */
struct flight_waiter {
    ngx_queue_t link;      /* private */
    struct flight *flight; /* private; NULL while it does not wait */
    ngx_event_t event;
    enum exist_state state; /* the answer; EXIST_MISS: there is none, ask anew */
};

/* Asks for r. False: too much is asked already, and the client should not wait. */
bool flight_ask(ngx_http_request_t *r, const struct flight_question *q, struct flight_waiter *w);

/* Takes a waiter back, with its timer and event. */
void flight_leave(struct flight_waiter *w);

/* Finds out whether the store is alive, in the background of r, for whom nothing depends on it. */
void flight_check(ngx_http_request_t *r, const struct flight_question *q);

/* The URL that a subrequest is to ask. */
ngx_str_t flight_url(const struct flight *f);

#endif
