/*
 * HTTP/2 on a connection: many requests at once, answered as their answers come, as many of them in
 * one write as there are.
 */
#ifndef SERVER_H2_H
#define SERVER_H2_H

#include "http/http2.h"
#include "server/answer.h"

/* A request that waits for the prober, or is being decided. */
struct h2_request {
    struct answer_inquiry inquiry;
    uint32_t stream;
    struct h2_request *next;
    struct h2_request **link;
    char *memory; /* of the pool: what the request's views are of */
    struct http_request request;
};

struct h2 { /* private; all zero to begin */
    struct http2 *session;
    struct h2_request *waiting;
    int64_t since;    /* when what is incomplete, or not taken, was seen first; 0: nothing is */
    bool writing;     /* frames wait for the client to take them; nothing is read meanwhile */
    bool ended;       /* the client has said its last */
    bool busy;        /* nghttp2 is at work: what is answered now is sent afterwards */
    bool draining;    /* the client has been told that the end is near */
    int64_t drain_at; /* when it is here */
};

/* False: no memory. */
bool h2_begin(struct conn *c);

/* What conn.c tells it of. */
void h2_received(struct conn *c, const char *data, size_t len);
void h2_ended(struct conn *c);
void h2_sent(struct conn *c);
void h2_expired(struct conn *c);
void h2_answered(struct conn *c, struct answer_inquiry *q);
void h2_drain(struct conn *c);
void h2_hurry(struct conn *c);
void h2_close(struct conn *c);

/* How long to wait has changed: a record of TLS has begun, or ended. */
void h2_patience(struct conn *c);

#endif
