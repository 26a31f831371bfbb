#include "server/conn.h"

#include "http/proxy.h"

#include <assert.h>

#define CONN_MAGIC 0x636f6e6eU
#define TLS_HANDSHAKE 0x16 /* the first byte that a client of TLS sends: RFC 8446 section 5.1 */

static struct conn *conn_of(struct stream *s)
{
    struct conn *c = (struct conn *)(void *)s;
    assert(c->magic == CONN_MAGIC);
    return c;
}

void conn_deadline(struct conn *c, int64_t patience)
{
    stream_deadline(&c->stream, c->stream.loop->now + patience);
}

int64_t conn_record_deadline(const struct conn *c)
{
    int64_t began = stream_halfway(&c->stream);
    return began != 0 ? began + c->worker->generation->header_timeout : INT64_MAX;
}

void conn_await_more(struct conn *c)
{
    const struct worker *w = c->worker;
    if (stream_halfway(&c->stream) != 0)
        stream_deadline(&c->stream, conn_record_deadline(c));
    else
        conn_deadline(c, w->phase == WORKER_SERVE ? w->generation->idle_timeout : CONN_DRAIN_GRACE);
}

bool conn_hold(struct conn *c, const char *data, size_t len)
{
    struct pool *pool = &c->worker->pool;
    c->held_len = (uint32_t)len;
    if (len == 0) {
        if (c->held != NULL)
            pool_give(pool, c->held);
        c->held = NULL;
        return true;
    }
    if (c->held == NULL)
        c->held = pool_take(pool, len);
    if (c->held == NULL)
        return false;
    if (c->held != data)
        memmove(c->held, data, len);
    return true;
}

/* ── The end ── */

/* What was waited for is of no use any more. */
static void leave_protocol(struct conn *c, enum conn_stage next)
{
    enum conn_stage stage = (enum conn_stage)c->stage;
    c->stage = (uint8_t)next;
    if (stage == CONN_H1)
        h1_close(c);
    else if (stage == CONN_H2)
        h2_close(c);
    conn_hold(c, NULL, 0);
}

void conn_close(struct conn *c)
{
    leave_protocol(c, CONN_GONE);
    stream_close(&c->stream);
}

static void gone(struct stream *s)
{
    struct conn *c = conn_of(s);
    struct worker *w = c->worker;
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    if (c->counted)
        crowd_leave(&w->shared->crowd, &c->peer);
    c->magic = 0;
    slab_give(&w->conns, c);
    __atomic_sub_fetch(&w->shared->connections, 1, __ATOMIC_RELAXED);
    counters_add(&w->counters.closed, 1); /* who reads that it is closed may count on the place */
}

/* A close with unread bytes in the kernel would be a reset, which can destroy the answer on its
 * way: the client is told that no more comes, and what it still sends is discarded for a while. */
void conn_linger(struct conn *c)
{
    leave_protocol(c, CONN_LINGER);
    stream_finish(&c->stream);
    conn_deadline(c, CONN_LINGER_TIME);
    stream_resume(&c->stream);
}

static void discard(struct conn *c, size_t len)
{
    c->discarded += (uint32_t)len;
    if (c->discarded > CONN_LINGER_BYTES)
        conn_close(c);
}

/* ── What it speaks ── */

enum opening {
    OPENING_DONE, /* HTTP begins at what is left */
    OPENING_MORE,
    OPENING_TAKEN, /* these bytes are done with */
    OPENING_BAD,   /* nothing that can be answered */
};

static const struct listen_rule *rule_of(const struct conn *c)
{
    return &c->worker->generation->listen->rule[c->listener];
}

/* Whether its client may have one more connection; who asks for others is no client. */
static bool count_in(struct conn *c)
{
    struct worker_shared *shared = c->worker->shared;
    if (shared->max_per_client == 0 || c->asks)
        return true;
    c->counted = crowd_enter(&shared->crowd, &c->peer, shared->max_per_client);
    if (!c->counted)
        counters_add(&c->worker->counters.crowded, 1);
    return c->counted;
}

/* Whether who connected must send a PROXY header: asked once, because a reload may change it. */
static bool is_announced(const struct conn *c)
{
    const struct listen_rule *rule = rule_of(c);
    return rule->introduced && lpm_lookup(&rule->proxies.table, &c->peer) != LPM_NONE;
}

/* Who must send a PROXY header sends it before everything else; who may not and does is not
 * answered. */
static enum opening introduce(struct conn *c, const char *data, size_t len, size_t *used)
{
    static const size_t certain = sizeof("PROXY ") - 1;
    struct proxy_header header;
    bool expected = c->announced;
    enum proxy_result result = proxy_parse(data, len, &header);
    if (expected && result == PROXY_DONE) {
        *used = header.size;
        if (header.source.family != ADDR_NONE)
            c->peer = header.source;
        if (!count_in(c))
            return OPENING_BAD;
    } else if (result == PROXY_MORE && (expected || len < certain)) {
        return OPENING_MORE;
    } else if (expected || result != PROXY_BAD) {
        return OPENING_BAD;
    }
    c->introduced = true;
    return OPENING_DONE;
}

static void begin_h1(struct conn *c)
{
    c->stage = CONN_H1;
    c->h1 = (struct h1){0};
    h1_begin(c, c->began);
}

static bool begin_h2(struct conn *c)
{
    c->h2 = (struct h2){0};
    if (!h2_begin(c))
        return false;
    c->stage = CONN_H2;
    return true;
}

/* A request in clear where TLS is spoken deserves an answer that people can read. */
static enum opening open_tls(struct conn *c, const struct listen_rule *rule, const char *data,
                             size_t len)
{
    if (data[0] != TLS_HANDSHAKE) {
        bool text = data[0] >= 'A' && data[0] <= 'Z';
        bool maybe_head = data[0] == 'H'; /* whose answer has no body */
        if (!text)
            return OPENING_BAD;
        begin_h1(c);
        h1_refuse(c, 400, maybe_head ? STR("") : STR("This port speaks TLS: ask with https.\n"));
        return OPENING_TAKEN;
    }
    counters_add(&c->worker->counters.handshakes, 1);
    if (!stream_secure(&c->stream, rule->tls, data, len))
        return OPENING_BAD;
    return OPENING_TAKEN;
}

/* Without TLS, or a client that has not said by ALPN what it speaks: HTTP/2 begins with its preface
 * (RFC 9113 section 3.4), which is no request of HTTP/1. */
static enum opening guess_protocol(struct conn *c, const struct listen_rule *rule, const char *data,
                                   size_t len)
{
    size_t n = len < HTTP2_PREFACE_SIZE ? len : HTTP2_PREFACE_SIZE;
    bool preface = (rule->protocols & TLS_H2) && memcmp(data, HTTP2_PREFACE, n) == 0;
    if (preface && n < HTTP2_PREFACE_SIZE)
        return OPENING_MORE;
    if (preface)
        return begin_h2(c) ? OPENING_DONE : OPENING_BAD;
    if (!(rule->protocols & TLS_HTTP1))
        return OPENING_BAD;
    begin_h1(c);
    return OPENING_DONE;
}

static enum opening open_http(struct conn *c, const char *data, size_t len)
{
    const struct listen_rule *rule = rule_of(c);
    if (rule->tls != NULL && c->stream.tls == NULL)
        return open_tls(c, rule, data, len);
    return guess_protocol(c, rule, data, len);
}

static void refuse_opening(struct conn *c)
{
    counters_add(&c->worker->counters.errors[COUNTERS_NO_HTTP], 1);
    conn_close(c);
}

static void hand_over(struct conn *c, const char *data, size_t len)
{
    if (c->stage == CONN_H1)
        h1_received(c, data, len);
    else
        h2_received(c, data, len);
}

static void await_opening(struct conn *c)
{
    if (c->began == 0)
        c->began = c->stream.loop->now;
    stream_deadline(&c->stream, c->began + c->worker->generation->header_timeout);
}

static void opening(struct conn *c, char *data, size_t len)
{
    size_t used = 0;
    enum opening next = OPENING_DONE;
    if (!c->introduced)
        next = introduce(c, data, len, &used);
    if (next == OPENING_DONE && used < len)
        next = open_http(c, data + used, len - used);
    else if (next == OPENING_DONE)
        next = OPENING_TAKEN;
    if (next == OPENING_DONE)
        hand_over(c, data + used, len - used);
    else if (next == OPENING_BAD ||
             (next == OPENING_MORE && !conn_hold(c, data + used, len - used)))
        refuse_opening(c);
    else if (c->stage == CONN_OPENING)
        await_opening(c);
}

/* ── Events ── */

static void received(struct stream *s, char *data, size_t len)
{
    struct conn *c = conn_of(s);
    if (c->stage == CONN_LINGER) {
        discard(c, len);
        return;
    }
    if (c->held != NULL) { /* the beginning goes before the rest, so that it is in one piece */
        assert(c->held_len <= STREAM_HEADROOM);
        data -= c->held_len;
        len += c->held_len;
        memcpy(data, c->held, c->held_len);
        conn_hold(c, NULL, 0);
    }
    if (c->stage == CONN_OPENING)
        opening(c, data, len);
    else
        hand_over(c, data, len);
}

static void ended(struct stream *s)
{
    struct conn *c = conn_of(s);
    if (c->stage == CONN_H2)
        h2_ended(c);
    else
        conn_close(c);
}

static void sent(struct stream *s)
{
    struct conn *c = conn_of(s);
    if (c->stage == CONN_H1)
        h1_sent(c);
    else if (c->stage == CONN_H2)
        h2_sent(c);
}

static void broken(struct stream *s)
{
    struct conn *c = conn_of(s);
    if (s->tls != NULL && !s->secured)
        counters_add(&c->worker->counters.handshakes_failed, 1);
    conn_close(c);
}

/* The handshake has taken its time; the first request has its own. */
static void secured(struct stream *s)
{
    struct conn *c = conn_of(s);
    unsigned protocol = tls_protocol(s->tls);
    if (tls_resumed(s->tls))
        counters_add(&c->worker->counters.handshakes_resumed, 1);
    c->began = 0;
    if (protocol == TLS_H2) {
        if (begin_h2(c))
            h2_received(c, NULL, 0); /* its SETTINGS are sent first */
        else
            conn_close(c);
        return;
    }
    if (protocol == TLS_HTTP1)
        begin_h1(c);
    conn_await_more(c);
}

static void halfway(struct stream *s)
{
    struct conn *c = conn_of(s);
    if (c->stage == CONN_OPENING && c->began == 0)
        conn_await_more(c);
    else if (c->stage == CONN_H1)
        h1_patience(c);
    else if (c->stage == CONN_H2)
        h2_patience(c);
}

static void expired(struct stream *s)
{
    struct conn *c = conn_of(s);
    switch ((enum conn_stage)c->stage) {
    case CONN_OPENING:
        if (c->began != 0 || !stream_poll(s))
            conn_close(c);
        return;
    case CONN_H1:
        h1_expired(c);
        return;
    case CONN_H2:
        h2_expired(c);
        return;
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
    .broken = broken,
    .secured = secured,
    .halfway = halfway,
    .expired = expired,
    .gone = gone,
};

void conn_answered(struct exist_waiter *waiter)
{
    struct answer_inquiry *q = (struct answer_inquiry *)(void *)waiter;
    struct conn *c = q->conn;
    assert(c->magic == CONN_MAGIC && q->waiting);
    q->waiting = false;
    q->answered = true;
    if (c->stage == CONN_H1)
        h1_answered(c);
    else
        h2_answered(c, q);
}
static_assert(offsetof(struct answer_inquiry, waiter) == 0, "a waiter is the inquiry's beginning");

/* HTTP/1 keeps the whole head of a request that waits, and reads it once more. */
void conn_hurry(struct conn *c)
{
    if (c->stage == CONN_H2)
        h2_hurry(c);
}

void conn_drain(struct conn *c)
{
    if (c->stage == CONN_OPENING && c->began == 0)
        conn_await_more(c);
    else if (c->stage == CONN_H1)
        h1_patience(c);
    else if (c->stage == CONN_H2)
        h2_drain(c);
}

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

void conn_accept(struct worker *w, struct listener_socket socket, const struct addr *peer,
                 uint16_t listener)
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
    c->listener = listener;
    c->asks = listener == w->generation->listen->n;
    c->next = w->conn;
    c->link = &w->conn;
    if (c->next != NULL)
        c->next->link = &c->next;
    w->conn = c;
    counters_add(&w->counters.accepted, 1);
    stream_deadline(&c->stream, w->loop.now + w->generation->idle_timeout);
    c->announced = is_announced(c);
    if (!c->announced && !count_in(c))
        conn_close(c);
}
