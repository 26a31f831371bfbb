/*
 * The decision endpoint: a listener of its own on which other programs ask what this server would
 * answer to a request that they have received (docs/operations.md, doors/endpoint).
 *
 *   GET /decide?ip=ADDRESS&path=TARGET&host=AUTHORITY&method=METHOD
 *       Each may come as a field instead: X-Real-Ip, X-Original-Uri, X-Original-Host (or Host),
 *       X-Original-Method. Fields that routes look at are those of the question. 200, with the
 *       answer in JSON and as fields: X-Archeio-Status and, of the answer's own, Location as
 *       X-Archeio-Location and so on; a body is X-Archeio-Body, percent-encoded.
 *   GET /host?ip=ADDRESS&host=AUTHORITY, or GET /
 *       The bare name of the registry that the client is sent to for what is no blob.
 *
 * A question is a request like others to whoever asks stores, limits clients, counts and logs:
 * "server/answer.h".
 */
#ifndef SERVER_DECIDE_LISTENER_H
#define SERVER_DECIDE_LISTENER_H

#include "server/answer.h"

/* What an answer takes in HTTP/1.1, at most, beside RESPOND_HEAD_MAX. */
#define DECIDE_LISTENER_SIZE 30720

/* A worker's memory for the answer that it is giving. NULL: there is none. free() it. */
struct decide_listener *decide_listener_new(void);

/* The fields that questions need: those named above, then a snapshot's. */
void decide_listener_want(struct http_request_wanted *wanted, const struct snapshot *s);

/* As answer_decide(). a->page is valid until the worker's next question. */
enum answer_result decide_listener_answer(struct worker *w, struct answer_inquiry *q,
                                          const struct http_request *r, struct answer *a);

#endif
