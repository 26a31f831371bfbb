/*
 * HTTP/1.1 on a connection: requests in, answers out, in order.
 *
 *   READ    bytes are awaited; an idle connection holds no buffer
 *   ASK     a request waits for the prober, in a buffer; nothing more is read
 *   WRITE   answers wait for the client to take them; nothing more is read
 */
#ifndef SERVER_H1_H
#define SERVER_H1_H

#include "http/http1.h"
#include "server/answer.h"

enum h1_state { H1_READ, H1_ASK, H1_WRITE };

struct h1 { /* private, as all; all zero to begin */
    struct http1_parser parser;
    struct answer_inquiry inquiry; /* of the request that is being received, or answered */
    uint8_t state;
    bool ending; /* after the answers that are being sent, the connection ends */
};

/* c->h1 is zero; began: when its first byte came. What has come is handed over next. */
void h1_begin(struct conn *c, int64_t began);

/* What conn.c tells it of. Where data is kept, it is by conn_hold(). */
void h1_received(struct conn *c, const char *data, size_t len);
void h1_sent(struct conn *c);
void h1_expired(struct conn *c);
void h1_answered(struct conn *c);
void h1_close(struct conn *c);

/* How long to wait for a request has changed: a drain has begun, or a record of TLS. */
void h1_patience(struct conn *c);

/* Answers what is no request, with a body for people or none, and ends the connection. */
void h1_refuse(struct conn *c, uint16_t status, struct str why);

#endif
