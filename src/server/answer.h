/*
 * One request of a connection -> one answer: who the client is, the decision, the existence cache,
 * counters, access log.
 */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include "server/conn.h"

enum answer_result {
    ANSWER_DONE, /* appended to out; conn->ending says whether it was the last */
    ANSWER_WAIT, /* conn->waiter waits for the prober: call again with the same request, from its
                  * bytes, when it has answered or conn->wait_until has passed */
};

/* How much room out must have for a request's answer. */
size_t answer_room(const struct worker *w, const struct http1_request *r);

enum answer_result answer_request(struct conn *c, const struct http1_request *r, struct buf *out);

/* Appends the answer (RESPOND_HEAD_MAX bytes) to what is no request; the last of the connection. */
void answer_error(struct conn *c, uint16_t status, struct buf *out);

#endif
