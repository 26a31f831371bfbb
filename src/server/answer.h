/*
 * One request -> one answer, whatever protocol it came in: who the client is, the decision, the
 * existence cache, counters, access log.
 */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include "server/worker.h"

struct conn;

/* What is remembered of a request from its first byte to its answer. All zero but for whose it is:
 * nothing yet. */
struct answer_inquiry {
    struct exist_waiter waiter;
    struct conn *conn;       /* the owner's */
    const struct addr *peer; /* who connected */
    struct addr client;      /* who it is for, if that is known */
    int64_t began;           /* when the request began to come, or to wait; 0: it came at once */
    int64_t wait_until;      /* if it asks */
    uint32_t at;             /* of the questions that its decision asks, the last that was asked */
    uint32_t store;          /* about which store */
    bool http2;              /* it came by HTTP/2 */
    bool known;              /* who it is for: since it waited */
    bool asked;              /* it has asked */
    bool waiting;            /* the waiter is with the prober */
    bool answered;           /* waiter.state is the answer to the last question */
};

/* What was asked about, for the access log. */
struct answer_subject {
    struct str method, host, target;
};

#define ANSWER_CACHE_UNUSED (-1) /* it was not looked at */

struct answer {
    struct decision decision; /* its answer */
    struct addr client;
    struct answer_subject subject; /* if there is a page */
    uint32_t retry_after;          /* seconds, with status 429; else 0 */
    int cache; /* what the cache said: enum exist_state, or ANSWER_CACHE_UNUSED */
    const struct respond_page *page; /* of "server/decide_listener.h": who asked for the decision is
                                      * told of it; NULL: it is the answer */
};

enum answer_result {
    ANSWER_DONE,
    ANSWER_WAIT, /* the inquiry waits: call again with the same request when it has been answered or
                  * wait_until has passed, after answer_give_up() */
};

/* How much room a request's Location may need, at most. */
static inline size_t answer_size(const struct worker *w, const struct http_request *r)
{
    return DECIDE_BUFFER_SIZE(&w->generation->snapshot, r->target.len);
}

/* Decides. buffer has room for answer_size(); the answer's Location is written from its first byte.
 */
enum answer_result answer_decide(struct worker *w, struct answer_inquiry *q,
                                 const struct http_request *r, char *buffer, struct answer *a);

/* What answer_decide() does with a request of its own, for others, after answer_begin(): a->client
 * is whose it is. */
static inline void answer_begin(struct answer *a)
{
    a->cache = ANSWER_CACHE_UNUSED;
    a->retry_after = 0;
    a->page = NULL;
}
enum answer_result answer_decide_request(struct worker *w, struct answer_inquiry *q,
                                         const struct decide_request *request, struct answer *a);

/* An inquiry that waits goes on without an answer. */
void answer_give_up(struct worker *w, struct answer_inquiry *q);

/* Counts and logs an answer of so many bytes. The inquiry is over. */
void answer_account(struct worker *w, struct answer_inquiry *q, const struct http_request *r,
                    const struct answer *a, size_t bytes);

/* The same for an answer of that status to what is no request. */
void answer_account_error(struct worker *w, struct answer_inquiry *q, uint16_t status,
                          size_t bytes);

/* RESPOND_DATE_SIZE bytes, valid for this turn. */
const char *answer_date(struct worker *w);

#endif
