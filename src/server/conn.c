#include "server/conn.h"

#include "server/answer.h"

#include <assert.h>

#define CONN_MAGIC 0x636f6e6eU

/* What is to be done after a request, or a piece of one. */
enum turn {
    TURN_NEXT, /* it was answered; there may be another behind it */
    TURN_MORE, /* the rest of it has not come */
    TURN_FULL, /* the answers so far must go before there is room for its own */
    TURN_WAIT, /* it waits for the prober */
    TURN_END,  /* it was the last one */
};

static struct conn *conn_of(struct stream *s)
{
    struct conn *c = (struct conn *)(void *)s;
    assert(c->magic == CONN_MAGIC);
    return c;
}

/* ── Buffers ── */

static void release(struct conn *c, char **buffer)
{
    if (*buffer != NULL)
        worker_buffer_free(c->worker, *buffer);
    *buffer = NULL;
}

/* Keeps bytes that cannot be used yet; they may lie in the held buffer already. */
static bool hold(struct conn *c, const char *data, size_t len)
{
    c->held_len = (uint32_t)len;
    if (len == 0) {
        release(c, &c->held);
        return true;
    }
    if (c->held == NULL)
        c->held = worker_buffer(c->worker, len);
    if (c->held == NULL)
        return false;
    if (c->held != data)
        memmove(c->held, data, len);
    return true;
}

/* ── The end of a connection ── */

void conn_close(struct conn *c)
{
    if (c->waiting)
        exist_cancel(&c->waiter);
    c->waiting = false;
    c->state = CONN_GONE;
    stream_close(&c->stream);
}

static void gone(struct stream *s)
{
    struct conn *c = conn_of(s);
    struct worker *w = c->worker;
    release(c, &c->held);
    release(c, &c->rest);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->magic = 0;
    slab_give(&w->conns, c);
    counters_add(&w->counters.closed, 1);
    __atomic_sub_fetch(&w->shared->connections, 1, __ATOMIC_RELAXED);
}

/* A close with unread bytes in the kernel would be a reset, which can destroy the answer on its
 * way: the client is told that no more comes, and what it still sends is discarded for a while. */
static void linger(struct conn *c)
{
    hold(c, NULL, 0);
    c->state = CONN_LINGER;
    stream_finish(&c->stream);
    stream_deadline(&c->stream, c->stream.loop->now + CONN_LINGER_TIME);
    stream_resume(&c->stream);
}

static void discard(struct conn *c, size_t len)
{
    c->discarded += (uint32_t)len;
    if (c->discarded > CONN_LINGER_BYTES)
        conn_close(c);
}

/* ── Requests ── */

static enum turn one_request(struct conn *c, const struct http1_request *r, struct buf *out)
{
    if (answer_room(c->worker, r) > out->size - out->len) {
        c->parser = (struct http1_parser){0};
        return TURN_FULL;
    }
    enum answer_result result = answer_request(c, r, out);
    c->parser = (struct http1_parser){0};
    if (result == ANSWER_WAIT)
        return TURN_WAIT;
    c->began = 0;
    c->asked = c->answered = false;
    return c->ending ? TURN_END : TURN_NEXT;
}

/* What lies at data, and how many bytes of it are done with. */
static enum turn next_request(struct conn *c, const char *data, size_t len, struct buf *out,
                              size_t *used)
{
    struct worker *w = c->worker;
    struct http1_request *r = &w->request;
    switch (http1_parse(&c->parser, data, len, r)) {
    case HTTP1_MORE:
        return TURN_MORE;
    case HTTP1_DONE:
        break;
    case HTTP1_ERROR:
        if (out->size - out->len < RESPOND_HEAD_MAX) {
            c->parser = (struct http1_parser){0};
            return TURN_FULL;
        }
        answer_error(c, c->parser.status, out);
        return TURN_END;
    case HTTP1_CLOSE:
        counters_add(&w->counters.errors[COUNTERS_NO_HTTP], 1);
        c->ending = true;
        return TURN_END;
    }
    enum turn turn = one_request(c, r, out);
    if (turn == TURN_NEXT || turn == TURN_END)
        *used += r->head_size;
    return turn;
}

/* Sends the answers. False: the client has not taken all of them; the rest is pushed, and nothing
 * is read meanwhile; or the connection is gone. */
static bool flush(struct conn *c, struct buf *out)
{
    if (out->len == 0)
        return true;
    long n = stream_send(&c->stream, out->data, out->len);
    if (n == (long)out->len) {
        out->len = 0;
        return true;
    }
    size_t rest = n < 0 ? 0 : out->len - (size_t)n;
    if (n >= 0)
        c->rest = worker_buffer(c->worker, rest);
    if (c->rest == NULL) {
        conn_close(c);
        return false;
    }
    memcpy(c->rest, out->data + n, rest);
    stream_push(&c->stream, c->rest, rest);
    stream_pause(&c->stream);
    c->state = CONN_WRITE;
    stream_deadline(&c->stream, c->stream.loop->now + c->worker->generation->write_timeout);
    return false;
}

static void await_answer(struct conn *c)
{
    if (c->began == 0)
        c->began = c->stream.loop->now;
    c->state = CONN_ASK;
    stream_pause(&c->stream);
    stream_deadline(&c->stream, c->wait_until);
}

static void await_request(struct conn *c)
{
    const struct worker *w = c->worker;
    int64_t now = c->stream.loop->now;
    if (c->state != CONN_READ) {
        c->state = CONN_READ;
        stream_resume(&c->stream);
    }
    if (c->held == NULL) {
        bool serving = w->phase == WORKER_SERVE;
        int64_t patience = serving ? w->generation->idle_timeout : CONN_DRAIN_GRACE;
        stream_deadline(&c->stream, now + patience);
        return;
    }
    if (c->began == 0)
        c->began = now;
    stream_deadline(&c->stream, c->began + w->generation->header_timeout);
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
    if (turn == TURN_WAIT)
        c->waiting = true;
    if (flushed)
        flushed = flush(c, &out);
    if (c->state == CONN_GONE)
        return;
    if (turn != TURN_END && !hold(c, data + used, len - used)) {
        conn_close(c);
        return;
    }
    if (!flushed)
        return;
    if (turn == TURN_END)
        linger(c);
    else if (turn == TURN_WAIT)
        await_answer(c);
    else
        await_request(c);
}

/* Goes on after a wait. */
static void proceed(struct conn *c)
{
    if (c->ending)
        linger(c);
    else if (c->waiting)
        await_answer(c);
    else if (c->held != NULL)
        run(c, c->held, c->held_len);
    else
        await_request(c);
}

void conn_answered(struct exist_waiter *waiter)
{
    struct conn *c = (struct conn *)(void *)((char *)waiter - offsetof(struct conn, waiter));
    assert(c->magic == CONN_MAGIC && c->waiting);
    c->waiting = false;
    c->answered = true;
    if (c->state == CONN_ASK)
        proceed(c);
}

/* ── Events ── */

static void received(struct stream *s, char *data, size_t len)
{
    struct conn *c = conn_of(s);
    if (c->state == CONN_LINGER) {
        discard(c, len);
        return;
    }
    if (c->held != NULL) { /* the beginning goes before the rest, so that it is in one piece */
        assert(c->held_len <= STREAM_HEADROOM);
        data -= c->held_len;
        len += c->held_len;
        memcpy(data, c->held, c->held_len);
        release(c, &c->held);
    }
    run(c, data, len);
}

static void ended(struct stream *s)
{
    conn_close(conn_of(s));
}

static void sent(struct stream *s)
{
    struct conn *c = conn_of(s);
    release(c, &c->rest);
    proceed(c);
}

static void time_out_request(struct conn *c)
{
    struct buf out = buf_make(c->worker->output, WORKER_OUTPUT);
    answer_error(c, 408, &out);
    if (flush(c, &out))
        linger(c);
}

static void expired(struct stream *s)
{
    struct conn *c = conn_of(s);
    switch ((enum conn_state)c->state) {
    case CONN_READ:
        if (c->held != NULL)
            time_out_request(c);
        else if (!stream_poll(s))
            conn_close(c);
        return;
    case CONN_ASK:
        exist_cancel(&c->waiter);
        c->waiting = false;
        counters_add(&c->worker->counters.gave_up, 1);
        proceed(c);
        return;
    case CONN_WRITE:
    case CONN_LINGER:
    case CONN_GONE:
        conn_close(c);
        return;
    }
}

static const struct stream_events events = {
    .received = received,
    .ended = ended,
    .sent = sent,
    .broken = ended,
    .expired = expired,
    .gone = gone,
};

/* ── The beginning ── */

static struct conn *reserve(struct worker *w)
{
    struct worker_shared *shared = w->shared;
    uint64_t open = __atomic_add_fetch(&shared->connections, 1, __ATOMIC_RELAXED);
    struct conn *c = open > shared->max_connections ? NULL : slab_take(&w->conns);
    if (c == NULL)
        __atomic_sub_fetch(&shared->connections, 1, __ATOMIC_RELAXED);
    return c;
}

void conn_accept(struct worker *w, struct listener_socket socket, const struct addr *peer)
{
    struct conn *c = reserve(w);
    if (c == NULL) {
        counters_add(&w->counters.shed, 1);
        listener_drop(socket);
        return;
    }
    memset(c, 0, sizeof(*c));
    if (stream_open(&c->stream, &w->loop, socket, &events) != 0) {
        slab_give(&w->conns, c);
        __atomic_sub_fetch(&w->shared->connections, 1, __ATOMIC_RELAXED);
        counters_add(&w->counters.shed, 1);
        return;
    }
    c->magic = CONN_MAGIC;
    c->worker = w;
    c->peer = *peer;
    c->next = w->conn;
    c->link = &w->conn;
    if (c->next != NULL)
        c->next->link = &c->next;
    w->conn = c;
    counters_add(&w->counters.accepted, 1);
    stream_deadline(&c->stream, w->loop.now + w->generation->idle_timeout);
}

void conn_drain(struct conn *c)
{
    if (c->state == CONN_READ && c->held == NULL)
        stream_deadline(&c->stream, c->stream.loop->now + CONN_DRAIN_GRACE);
}
