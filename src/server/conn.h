/*
 * A client's connection: HTTP/1.1 requests in, answers out, in order.
 *
 *   READ    bytes are awaited; an idle connection holds no buffer
 *   ASK     a request waits for the prober, in a buffer; nothing more is read
 *   WRITE   answers wait for the client to take them, in a buffer; nothing more is read
 *   LINGER  the last answer is sent; what still comes is discarded (RFC 9112 section 9.6)
 *   GONE    closed; released at the end of the turn
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "server/worker.h"
#include "sys/clock.h"

enum conn_state { CONN_READ, CONN_ASK, CONN_WRITE, CONN_LINGER, CONN_GONE };

#define CONN_LINGER_TIME (1 * CLOCK_S)
#define CONN_LINGER_BYTES 65536
#define CONN_DRAIN_GRACE (500 * CLOCK_MS) /* for a request that is on its way */

struct conn {
    struct stream stream; /* private, as all */
    uint32_t magic;
    uint8_t state;
    bool ending;   /* after the answers that are being sent, the connection ends */
    bool waiting;  /* the waiter is with the prober */
    bool asked;    /* the request being answered has asked it, until wait_until */
    bool answered; /* waiter.state is its answer to the question below */
    struct worker *worker;
    struct conn *next;
    struct conn **link;
    struct http1_parser parser;
    struct addr peer;
    uint32_t held_len;
    uint32_t discarded;
    char *held;    /* bytes received that wait, or NULL */
    char *rest;    /* answers that wait, or NULL */
    int64_t began; /* when a request began that is not answered yet; 0: there is none */
    int64_t wait_until;
    struct exist_waiter waiter;
    uint32_t question_at; /* of the questions that its decision asks, the last that was asked */
    uint32_t question_store;
};

/* Takes a connection over; it may be refused. */
void conn_accept(struct worker *w, struct listener_socket socket, const struct addr *peer);

/* The prober has answered. */
void conn_answered(struct exist_waiter *waiter);

/* A drain has begun: the connection ends after its next answer, or if nothing comes for a while. */
void conn_drain(struct conn *c);

void conn_close(struct conn *c);

#endif
