#include "server/h2.h"

#include "server/conn.h"

#include <assert.h>

/* ── Requests ── */

static struct h2_request *new_request(struct conn *c, uint32_t stream)
{
    struct h2_request *p = slab_take(&c->worker->requests);
    if (p == NULL)
        return NULL;
    p->inquiry = (struct answer_inquiry){.conn = c, .peer = &c->peer, .http2 = true};
    p->stream = stream;
    p->memory = NULL;
    return p;
}

static void free_request(struct conn *c, struct h2_request *p)
{
    if (p->memory != NULL)
        pool_give(&c->worker->pool, p->memory);
    slab_give(&c->worker->requests, p);
}

static void send_answer(struct conn *c, uint32_t stream, struct answer_inquiry *q,
                        const struct http_request *r, const struct answer *a)
{
    const struct respond_options options = {
        .date = answer_date(c->worker),
        .retry_after = a->retry_after,
        .head = r->method == DECIDE_HEAD,
        .page = a->page,
    };
    size_t bytes = http2_answer(c->h2.session, stream, &a->decision.answer, &options);
    answer_account(c->worker, q, r, a, bytes);
}

/* Keeps a request until the prober answers. False: there is no memory, and it must do without; so
 * must one that is larger than pulls are, because a client may have many of them wait at once. */
static bool park(struct conn *c, struct h2_request *p, const struct http_request *r)
{
    size_t size = http_request_size(r);
    if (size <= POOL_SMALL)
        p->memory = pool_take(&c->worker->pool, size);
    if (p->memory == NULL)
        return false;
    http_request_copy(&p->request, r, p->memory);
    p->next = c->h2.waiting;
    p->link = &c->h2.waiting;
    if (p->next != NULL)
        p->next->link = &p->next;
    c->h2.waiting = p;
    http2_mark(c->h2.session, p->stream, p);
    return true;
}

static void unpark(struct conn *c, struct h2_request *p)
{
    *p->link = p->next;
    if (p->next != NULL)
        p->next->link = p->link;
    free_request(c, p);
}

/* Without asking anybody: the inquiry's time is over before it begins. */
static void answer_unasked(struct conn *c, uint32_t stream, const struct http_request *r)
{
    struct answer_inquiry q = {.conn = c, .peer = &c->peer, .http2 = true, .asked = true};
    struct answer a;
    conn_decide(c, &q, r, c->worker->output, &a);
    send_answer(c, stream, &q, r, &a);
}

static void request(void *owner, uint32_t stream, const struct http_request *r)
{
    struct conn *c = owner;
    struct worker *w = c->worker;
    struct answer a;
    struct h2_request *p = new_request(c, stream);
    if (p == NULL) {
        answer_unasked(c, stream, r);
    } else if (conn_decide(c, &p->inquiry, r, w->output, &a) == ANSWER_DONE) {
        send_answer(c, stream, &p->inquiry, r, &a);
        free_request(c, p);
    } else if (!park(c, p, r)) {
        answer_give_up(w, &p->inquiry);
        free_request(c, p);
        answer_unasked(c, stream, r);
    }
}

/* One that was parked goes on. */
static void resume(struct conn *c, struct h2_request *p)
{
    struct answer a;
    if (conn_decide(c, &p->inquiry, &p->request, c->worker->output, &a) == ANSWER_WAIT)
        return;
    http2_mark(c->h2.session, p->stream, NULL);
    send_answer(c, p->stream, &p->inquiry, &p->request, &a);
    unpark(c, p);
}

static void refused(void *owner, uint32_t stream, uint16_t status)
{
    struct conn *c = owner;
    struct answer_inquiry q = {.conn = c, .peer = &c->peer, .http2 = true};
    const struct decide_answer answer = {.status = status};
    const struct respond_options options = {.date = answer_date(c->worker)};
    size_t bytes = http2_answer(c->h2.session, stream, &answer, &options);
    answer_account_error(c->worker, &q, status, bytes);
}

static void cancelled(void *owner, void *mark)
{
    struct conn *c = owner;
    struct h2_request *p = mark;
    if (p->inquiry.waiting)
        exist_cancel(&p->inquiry.waiter);
    unpark(c, p);
}

static const struct http2_events events = {
    .request = request,
    .refused = refused,
    .cancelled = cancelled,
};

/* ── What comes next ── */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something has to be done if nothing happens. */
static void set_deadline(struct conn *c)
{
    const struct worker *w = c->worker;
    const struct generation *g = w->generation;
    struct h2 *h = &c->h2;
    int64_t now = c->stream.loop->now;
    bool incomplete = http2_is_incomplete(h->session);
    unsigned waiting = 0;
    int64_t at = now + g->idle_timeout;
    for (const struct h2_request *p = h->waiting; p != NULL; p = p->next, waiting++)
        at = earlier(at, p->inquiry.wait_until);
    bool stalled = http2_streams(h->session) > waiting; /* windows shut, or bodies that never end */
    if (!incomplete && !stalled)
        h->since = 0;
    else if (h->since == 0)
        h->since = now;
    if (incomplete)
        at = earlier(at, h->since + g->header_timeout);
    else if (stalled)
        at = earlier(at, h->since + g->write_timeout);
    if (h->draining)
        at = earlier(at, h->drain_at);
    stream_deadline(&c->stream, earlier(at, conn_record_deadline(c)));
}

/* Sends what there is to be sent. */
static void flush(struct conn *c)
{
    struct worker *w = c->worker;
    struct h2 *h = &c->h2;
    size_t len;
    if (h->busy || h->writing)
        return;
    while (!h->writing && (len = http2_send(h->session, w->output, WORKER_OUTPUT)) > 0) {
        switch (stream_send(&c->stream, w->output, len)) {
        case STREAM_SENT:
            break;
        case STREAM_LATER:
            h->writing = true;
            stream_pause(&c->stream);
            conn_deadline(c, w->generation->write_timeout);
            return;
        case STREAM_BROKEN:
            conn_close(c);
            return;
        }
    }
    if (http2_is_over(h->session) || (h->ended && h->waiting == NULL))
        conn_linger(c);
    else
        set_deadline(c);
}

/* ── Events ── */

static void announce_end(struct conn *c)
{
    c->h2.draining = true;
    c->h2.drain_at = c->stream.loop->now + CONN_DRAIN_GRACE;
    http2_announce_end(c->h2.session);
}

bool h2_begin(struct conn *c)
{
    c->h2.session = http2_new(&events, c, &c->worker->blocks, c->stream.loop->now);
    if (c->h2.session == NULL)
        return false;
    if (c->worker->phase != WORKER_SERVE)
        announce_end(c);
    return true;
}

void h2_received(struct conn *c, const char *data, size_t len)
{
    c->h2.busy = true;
    http2_want(c->h2.session, conn_wanted(c));
    http2_receive(c->h2.session, data, len, c->stream.loop->now);
    c->h2.busy = false;
    flush(c);
}

void h2_ended(struct conn *c)
{
    c->h2.ended = true;
    flush(c);
}

void h2_sent(struct conn *c)
{
    c->h2.writing = false;
    stream_resume(&c->stream);
    flush(c);
}

void h2_answered(struct conn *c, struct answer_inquiry *q)
{
    resume(c, (struct h2_request *)(void *)q);
    flush(c);
}
static_assert(offsetof(struct h2_request, inquiry) == 0, "an inquiry is its request's beginning");

static void give_up_late_ones(struct conn *c)
{
    struct h2_request *next;
    for (struct h2_request *p = c->h2.waiting; p != NULL; p = next) {
        next = p->next;
        if (p->inquiry.wait_until > c->stream.loop->now)
            continue;
        answer_give_up(c->worker, &p->inquiry);
        resume(c, p);
    }
}

void h2_expired(struct conn *c)
{
    struct h2 *h = &c->h2;
    int64_t now = c->stream.loop->now;
    const struct generation *g = c->worker->generation;
    if (h->writing) {
        conn_close(c);
        return;
    }
    bool had_waiting = h->waiting != NULL;
    give_up_late_ones(c);
    bool incomplete = http2_is_incomplete(h->session);
    if (now >= conn_record_deadline(c) ||
        (h->since != 0 && now >= h->since + (incomplete ? g->header_timeout : g->write_timeout)))
        http2_abort(h->session);
    else if (h->draining && now >= h->drain_at) {
        h->drain_at = INT64_MAX;
        http2_end(h->session);
    } else if (!had_waiting && h->since == 0 && !stream_poll(&c->stream))
        http2_end(h->session);
    if (c->stage == CONN_H2)
        flush(c);
}

void h2_patience(struct conn *c)
{
    if (!c->h2.writing)
        set_deadline(c);
}

void h2_drain(struct conn *c)
{
    if (c->h2.draining)
        return;
    announce_end(c);
    flush(c);
}

void h2_hurry(struct conn *c)
{
    if (c->h2.waiting == NULL)
        return;
    for (struct h2_request *p = c->h2.waiting; p != NULL; p = p->next)
        p->inquiry.wait_until = c->stream.loop->now;
    give_up_late_ones(c);
    flush(c);
}

void h2_close(struct conn *c)
{
    while (c->h2.waiting != NULL)
        cancelled(c, c->h2.waiting);
    http2_free(c->h2.session);
    c->h2.session = NULL;
}
