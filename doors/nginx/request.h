/*
 * A client's request, from the decision's beginning to its answer.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "flight.h"

#include <archeio/decide.h>

/* The module's context of a main request; that of a subrequest is a struct flight. */
struct request {
    ngx_http_request_t *r;
    const struct conf_location *conf;
    struct decision decision;
    struct flight_waiter *waiter; /* NULL: it has never waited */
    ngx_msec_t wait_until;        /* where it has */
    bool answered;                /* decision.answer is what was sent */
};

/* The handler of a location where `archeio` stands. */
ngx_int_t request_handle(ngx_http_request_t *r);

#endif
