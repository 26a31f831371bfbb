/*
 * A client's connection, from its first byte to its last.
 *
 *   OPENING  what it speaks is not known yet: a PROXY header, TLS, and the beginning of HTTP come
 *   H1, H2   it speaks HTTP/1.1 ("server/h1.h") or HTTP/2 ("server/h2.h")
 *   LINGER   the last answer is sent; what still comes is discarded (RFC 9112 section 9.6)
 *   GONE     closed; released at the end of the turn
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "server/decide_listener.h"
#include "server/h1.h"
#include "server/h2.h"
#include "server/worker.h"
#include "sys/clock.h"

enum conn_stage { CONN_OPENING, CONN_H1, CONN_H2, CONN_LINGER, CONN_GONE };

#define CONN_LINGER_TIME (1 * CLOCK_S)
#define CONN_LINGER_BYTES 65536
#define CONN_DRAIN_GRACE (500 * CLOCK_MS) /* for a request that is on its way */

struct conn {
    struct stream stream; /* private, as all but what h1.c and h2.c use */
    uint32_t magic;
    uint8_t stage;
    bool asks;       /* it came to the decision endpoint */
    bool counted;    /* among its client's connections */
    bool announced;  /* a PROXY header must come first: who connected is on the list */
    bool introduced; /* it has come, or there is none */
    uint16_t listener;
    struct worker *worker;
    struct conn *next;
    struct conn **link;
    struct addr peer; /* who connected, or who the PROXY header says did */
    uint32_t held_len;
    uint32_t discarded;
    char *held;    /* bytes received that wait, or NULL: they are handed over again with the next */
    int64_t began; /* while opening: when the first byte came; 0: none has */
    union {
        struct h1 h1;
        struct h2 h2;
    };
};

/* Which fields of its requests are kept. */
static inline const struct http_request_wanted *conn_wanted(const struct conn *c)
{
    const struct generation *g = c->worker->generation;
    return c->asks ? &g->asked : &g->wanted;
}

/* answer_size() and answer_decide() by what is asked. */
static inline size_t conn_answer_size(const struct conn *c, const struct http_request *r)
{
    return c->asks ? DECIDE_LISTENER_SIZE : answer_size(c->worker, r);
}

static inline enum answer_result conn_decide(struct conn *c, struct answer_inquiry *q,
                                             const struct http_request *r, char *buffer,
                                             struct answer *a)
{
    if (c->asks)
        return decide_listener_answer(c->worker, q, r, a);
    return answer_decide(c->worker, q, r, buffer, a);
}

/* Takes a connection over; it may be refused. */
void conn_accept(struct worker *w, struct listener_socket socket, const struct addr *peer,
                 uint16_t listener);

/* The prober has answered. */
void conn_answered(struct exist_waiter *waiter);

/* A drain has begun: the connection ends after its next answer, or if nothing comes for a while. */
void conn_drain(struct conn *c);

/* Requests that are to be decided once more, and that later rules could not decide, wait no longer:
 * the generation in use is about to go. */
void conn_hurry(struct conn *c);

/* At once; what waits to be sent is lost. */
void conn_close(struct conn *c);

/* For the protocols. */

/* Keeps bytes that cannot be used yet, which may be the held ones; len of 0: none. False: there is
 * no buffer to be had. */
bool conn_hold(struct conn *c, const char *data, size_t len);

/* The last bytes are sent, or on their way. */
void conn_linger(struct conn *c);

/* Sets the stream's deadline so many nanoseconds from now. */
void conn_deadline(struct conn *c, int64_t patience);

/* Nothing has come of the next request, or less than a record of TLS: waits for as long as it may
 * take now. */
void conn_await_more(struct conn *c);

/* When a record of TLS that has begun must have come, as a time of the loop's; INT64_MAX: none has.
 */
int64_t conn_record_deadline(const struct conn *c);

#endif
