#include "server/h1.h"

#include "server/conn.h"

/* What is to be done after a request, or a piece of one. */
enum turn {
    TURN_NEXT, /* it was answered; there may be another behind it */
    TURN_MORE, /* the rest of it has not come */
    TURN_FULL, /* the answers so far must go before there is room for its own */
    TURN_WAIT, /* it waits for the prober */
    TURN_END,  /* it was the last one */
};

static void forget(struct http1_parser *parser)
{
    *parser = (struct http1_parser){.wanted = NULL};
}

/* ── Requests ── */

static void put_answer(struct conn *c, const struct http_request *r, const struct answer *a,
                       struct buf *out)
{
    struct worker *w = c->worker;
    c->h1.ending = r->close || w->phase != WORKER_SERVE;
    struct respond_options options = {
        .date = answer_date(w),
        .connection = c->h1.ending ? RESPOND_CLOSE
                      : r->http10  ? RESPOND_KEEP_HTTP10
                                   : RESPOND_KEEP,
        .retry_after = a->retry_after,
        .head = r->method == DECIDE_HEAD,
        .page = a->page,
    };
    size_t before = out->len;
    respond_answer(out, &a->decision.answer, &options);
    answer_account(w, &c->h1.inquiry, r, a, out->len - before);
}

static enum turn one_request(struct conn *c, const struct http_request *r, struct buf *out)
{
    struct answer answer;
    forget(&c->h1.parser);
    if (RESPOND_HEAD_MAX + conn_answer_size(c, r) > out->size - out->len)
        return TURN_FULL;
    char *location = out->data + out->len + RESPOND_LOCATION_AT;
    if (conn_decide(c, &c->h1.inquiry, r, location, &answer) == ANSWER_WAIT)
        return TURN_WAIT;
    put_answer(c, r, &answer, out);
    return c->h1.ending ? TURN_END : TURN_NEXT;
}

static enum turn no_request(struct conn *c, struct str why, struct buf *out)
{
    uint16_t status = c->h1.parser.status;
    size_t before = out->len;
    forget(&c->h1.parser);
    if (out->size - out->len < RESPOND_HEAD_MAX + why.len)
        return TURN_FULL;
    respond_error(out, status, why, answer_date(c->worker));
    answer_account_error(c->worker, &c->h1.inquiry, status, out->len - before);
    return TURN_END;
}

/* What lies at data, and how many bytes of it are done with. */
static enum turn next_request(struct conn *c, const char *data, size_t len, struct buf *out,
                              size_t *used)
{
    struct http_request *r = &c->worker->request;
    c->h1.parser.wanted = conn_wanted(c);
    switch (http1_parse(&c->h1.parser, data, len, r)) {
    case HTTP1_MORE:
        return TURN_MORE;
    case HTTP1_DONE:
        break;
    case HTTP1_ERROR:
        return no_request(c, STR(""), out);
    case HTTP1_CLOSE:
        counters_add(&c->worker->counters.errors[COUNTERS_NO_HTTP], 1);
        return TURN_END;
    }
    enum turn turn = one_request(c, r, out);
    if (turn == TURN_NEXT || turn == TURN_END)
        *used += r->head_size;
    return turn;
}

/* ── What comes next ── */

/* Sends the answers. False: the client has not taken all of them, and nothing is read meanwhile; or
 * the connection is gone. */
static bool flush(struct conn *c, struct buf *out)
{
    if (out->len == 0)
        return true;
    switch (stream_send(&c->stream, out->data, out->len)) {
    case STREAM_SENT:
        out->len = 0;
        return true;
    case STREAM_LATER:
        c->h1.state = H1_WRITE;
        stream_pause(&c->stream);
        conn_deadline(c, c->worker->generation->write_timeout);
        return false;
    case STREAM_BROKEN:
        break;
    }
    conn_close(c);
    return false;
}

static void await_answer(struct conn *c)
{
    c->h1.state = H1_ASK;
    stream_pause(&c->stream);
    stream_deadline(&c->stream, c->h1.inquiry.wait_until);
}

static void await_request(struct conn *c)
{
    const struct worker *w = c->worker;
    int64_t now = c->stream.loop->now;
    if (c->h1.state != H1_READ) {
        c->h1.state = H1_READ;
        stream_resume(&c->stream);
    }
    if (c->held == NULL) {
        conn_await_more(c);
        return;
    }
    if (c->h1.inquiry.began == 0)
        c->h1.inquiry.began = now;
    stream_deadline(&c->stream, c->h1.inquiry.began + w->generation->header_timeout);
}

/* Answers what lies at data, in the loop's memory or the held buffer. */
static void run(struct conn *c, const char *data, size_t len)
{
    struct buf out = buf_make(c->worker->output, WORKER_OUTPUT);
    size_t used = 0;
    enum turn turn = TURN_NEXT;
    bool flushed = true;
    while (turn == TURN_NEXT && used < len) {
        turn = next_request(c, data + used, len - used, &out, &used);
        if (turn == TURN_FULL && (flushed = flush(c, &out)))
            turn = TURN_NEXT;
    }
    c->h1.ending = turn == TURN_END;
    if (flushed)
        flushed = flush(c, &out);
    if (c->stage != CONN_H1)
        return;
    if (turn != TURN_END && !conn_hold(c, data + used, len - used)) {
        conn_close(c);
        return;
    }
    if (!flushed)
        return;
    if (turn == TURN_END)
        conn_linger(c);
    else if (turn == TURN_WAIT)
        await_answer(c);
    else
        await_request(c);
}

/* Goes on after a wait. */
static void proceed(struct conn *c)
{
    if (c->h1.ending)
        conn_linger(c);
    else if (c->h1.inquiry.waiting)
        await_answer(c);
    else if (c->held != NULL)
        run(c, c->held, c->held_len);
    else
        await_request(c);
}

/* ── Events ── */

void h1_begin(struct conn *c, int64_t began)
{
    c->h1.inquiry = (struct answer_inquiry){.conn = c, .peer = &c->peer, .began = began};
}

void h1_received(struct conn *c, const char *data, size_t len)
{
    run(c, data, len);
}

void h1_sent(struct conn *c)
{
    proceed(c);
}

void h1_answered(struct conn *c)
{
    if (c->h1.state == H1_ASK)
        proceed(c);
}

void h1_refuse(struct conn *c, uint16_t status, struct str why)
{
    struct buf out = buf_make(c->worker->output, WORKER_OUTPUT);
    c->h1.parser.status = status;
    c->h1.ending = true;
    no_request(c, why, &out);
    if (flush(c, &out))
        conn_linger(c);
}

void h1_expired(struct conn *c)
{
    switch ((enum h1_state)c->h1.state) {
    case H1_READ:
        if (c->held != NULL)
            h1_refuse(c, 408, STR(""));
        else if (!stream_poll(&c->stream))
            conn_close(c);
        return;
    case H1_ASK:
        answer_give_up(c->worker, &c->h1.inquiry);
        proceed(c);
        return;
    case H1_WRITE:
        conn_close(c);
        return;
    }
}

void h1_patience(struct conn *c)
{
    if (c->h1.state == H1_READ && c->held == NULL)
        conn_await_more(c);
}

void h1_close(struct conn *c)
{
    if (c->h1.inquiry.waiting)
        exist_cancel(&c->h1.inquiry.waiter);
    c->h1.inquiry.waiting = false;
}
