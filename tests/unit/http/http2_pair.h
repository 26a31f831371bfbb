/*
 * An HTTP/2 session and nghttp2's client, in memory: what one says goes to the other when the test
 * says so, and what each heard can be looked at.
 */
#ifndef TESTS_UNIT_HTTP_HTTP2_PAIR_H
#define TESTS_UNIT_HTTP_HTTP2_PAIR_H

#include "http/http2.h"

#include "check.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
#define STREAMS 2048
#define ROOM 40000
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define BODY "{\"errors\":[]}\n"

struct heard { /* by the client, of a stream */
    int status;
    size_t body;
    bool reset;
    uint32_t code;
    char location[64], allow[16], retry[16], length[16], type[32], told[64];
};

struct pair {
    struct blocks blocks; /* the server's */
    struct http2 *server;
    nghttp2_session *client;
    int64_t now;
    size_t piece; /* how many bytes the server gets at once, at most */
    bool more;    /* the server takes more */
    bool hold;    /* requests are not answered at once */
    uint16_t answer;
    unsigned requests, refused, cancelled;
    uint32_t newest;
    uint16_t refusal;
    char target[16384], host[128], agent[128], forwarded[256], trace[128];
    struct str location; /* that redirects have; {0}: one that is always the same */
    char far[16384];     /* a Location that is too long for `heard` */
    size_t n_forwarded;
    uint32_t n_wanted;
    uint64_t wanted_id;
    bool came[HTTP_REQUEST_WANTED_MAX]; /* each of the fields that are wanted, and what it said: */
    char wanted[HTTP_REQUEST_WANTED_MAX][64];
    const char *text; /* the body that routes give, which is gone when it is given; NULL: none */
    const struct respond_page *page; /* that is given in the place of answers; NULL: none */
    enum decide_method method;
    struct heard heard[STREAMS]; /* by half the number */
    unsigned goaways;
    uint32_t last, code; /* of the last GOAWAY */
};

/* ── The server's side ── */

static inline void give(struct pair *p, uint32_t stream, uint16_t status)
{
    struct decide_answer a = {.status = status};
    const struct respond_options options = {
        .date = DATE,
        .head = p->method == DECIDE_HEAD,
        .retry_after = status == 429 ? 17 : 0,
        .page = p->page,
    };
    if (status == 307)
        a.location = STR("https://upstream.test/v2/");
    if (status / 100 == 3 && p->location.len > 0)
        a.location = p->location;
    if (status == 404 || status == 429)
        a.body = STR(BODY);
    char *body = p->text != NULL ? strdup(p->text) : NULL;
    if (body != NULL) {
        a.step = DECIDE_ROUTE;
        a.body = str_from(body);
    }
    assert_true(http2_answer(p->server, stream, &a, &options) > 0);
    free(body);
}

static inline void copy(char *to, size_t size, struct str text)
{
    assert_true(text.len < size);
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
}

static inline void on_request(void *owner, uint32_t stream, const struct http_request *r)
{
    struct pair *p = owner;
    p->requests++;
    assert_true(stream > p->newest);
    p->newest = stream;
    p->method = r->method;
    copy(p->target, sizeof(p->target), r->target);
    copy(p->host, sizeof(p->host), r->host);
    copy(p->agent, sizeof(p->agent), r->user_agent);
    copy(p->trace, sizeof(p->trace), r->traceparent);
    p->n_forwarded = r->n_forwarded_for;
    if (r->n_forwarded_for > 0)
        copy(p->forwarded, sizeof(p->forwarded), r->forwarded_for[r->n_forwarded_for - 1]);
    p->n_wanted = r->n_wanted;
    p->wanted_id = r->wanted_id;
    for (uint32_t i = 0; i < r->n_wanted; i++) {
        p->came[i] = r->wanted[i].data != NULL;
        copy(p->wanted[i], sizeof(p->wanted[i]), r->wanted[i]);
    }
    if (p->hold)
        http2_mark(p->server, stream, &p->heard[stream / 2]);
    else
        give(p, stream, p->answer);
}

static inline void on_refused(void *owner, uint32_t stream, uint16_t status)
{
    struct pair *p = owner;
    p->refused++;
    p->refusal = status;
    give(p, stream, status);
}

static inline void on_cancelled(void *owner, void *mark)
{
    struct pair *p = owner;
    assert_true(mark >= (void *)p->heard && mark < (void *)(p->heard + STREAMS));
    p->cancelled++;
}

static const struct http2_events events = {on_request, on_refused, on_cancelled};

/* ── The client's side ── */

static inline void hear(const char *name, nghttp2_vec field, const uint8_t *value, size_t len,
                        char *to, size_t size)
{
    if (strlen(name) == field.len && memcmp(name, field.base, field.len) == 0)
        copy(to, size, str_make((const char *)value, len));
}

static inline int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                            const uint8_t *name, size_t name_len, const uint8_t *value, size_t len,
                            uint8_t flags, void *context)
{
    struct pair *p = context;
    struct heard *h = &p->heard[frame->hd.stream_id / 2];
    nghttp2_vec field = {(uint8_t *)(uintptr_t)name, name_len};
    char status[8] = "";
    (void)session;
    (void)flags;
    hear(":status", field, value, len, status, sizeof(status));
    if (len < sizeof(h->location))
        hear("location", field, value, len, h->location, sizeof(h->location));
    else
        hear("location", field, value, len, p->far, sizeof(p->far));
    hear("allow", field, value, len, h->allow, sizeof(h->allow));
    hear("retry-after", field, value, len, h->retry, sizeof(h->retry));
    hear("content-length", field, value, len, h->length, sizeof(h->length));
    hear("content-type", field, value, len, h->type, sizeof(h->type));
    hear("x-told", field, value, len, h->told, sizeof(h->told));
    if (status[0] != '\0')
        h->status = atoi(status);
    return 0;
}

static inline int on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                          const uint8_t *data, size_t len, void *context)
{
    struct pair *p = context;
    struct heard *h = &p->heard[stream / 2];
    (void)session;
    (void)flags;
    assert_memory_equal(data, &(p->text != NULL ? p->text : BODY)[h->body], len);
    h->body += len;
    return 0;
}

static inline int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct pair *p = context;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        p->goaways++;
        p->last = (uint32_t)frame->goaway.last_stream_id;
        p->code = frame->goaway.error_code;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        p->heard[frame->hd.stream_id / 2].reset = true;
        p->heard[frame->hd.stream_id / 2].code = frame->rst_stream.error_code;
    }
    return 0;
}

static inline struct pair *begin_with(uint32_t window)
{
    struct pair *p = calloc(1, sizeof(*p));
    nghttp2_session_callbacks *c;
    nghttp2_option *o;
    const nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    p->piece = ROOM;
    p->more = true;
    p->answer = 307;
    p->server = http2_new(&events, p, &p->blocks, 0);
    assert_non_null(p->server);
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_option_new(&o);
    nghttp2_option_set_no_http_messaging(o, 1); /* it says whatever a test wants */
    nghttp2_option_set_peer_max_concurrent_streams(o, STREAMS);
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_max_send_header_block_length(o, 1 << 20);
    assert_int_equal(nghttp2_session_client_new2(&p->client, c, p, o), 0);
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(c);
    assert_int_equal(nghttp2_submit_settings(p->client, NGHTTP2_FLAG_NONE, &settings, 1), 0);
    return p;
}

static inline struct pair *begin(void)
{
    return begin_with(65535);
}

static inline void end(struct pair *p)
{
    http2_free(p->server);
    blocks_release(&p->blocks);
    nghttp2_session_del(p->client);
    free(p);
}

/* What the client has to say goes to the server. */
static inline void say(struct pair *p)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(p->client, &data)) > 0)
        while (n > 0 && p->more) {
            size_t piece = (size_t)n < p->piece ? (size_t)n : p->piece;
            char *copied = malloc(piece); /* so that reading beyond it shows */
            memcpy(copied, data, piece);
            p->more = http2_receive(p->server, copied, piece, p->now);
            free(copied);
            data += piece;
            n -= (ssize_t)piece;
        }
}

/* And back; true: there was something. */
static inline bool listen(struct pair *p)
{
    static char out[ROOM];
    size_t n, all = 0;
    while ((n = http2_send(p->server, out, sizeof(out))) > 0) {
        assert_int_equal(nghttp2_session_mem_recv(p->client, (uint8_t *)out, n), (ssize_t)n);
        all += n;
    }
    return all > 0;
}

static inline void run(struct pair *p)
{
    do
        say(p);
    while (listen(p));
}

#define FIELD(name, value)                                                                         \
    (nghttp2_nv)                                                                                   \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),  \
            NGHTTP2_NV_FLAG_NONE                                                                   \
    }

/* Submits a request with these fields behind method, scheme and path; its stream. */
static inline struct heard *ask_with(struct pair *p, const char *method, const char *path,
                                     const nghttp2_nv *fields, size_t n)
{
    nghttp2_nv all[128] = {FIELD(":method", method), FIELD(":scheme", "https"),
                           FIELD(":path", path)};
    assert_true(n <= 120);
    if (n > 0)
        memcpy(all + 3, fields, n * sizeof(*fields));
    int32_t stream = nghttp2_submit_request(p->client, NULL, all, n + 3, NULL, NULL);
    assert_true(stream > 0);
    return &p->heard[stream / 2];
}

static inline struct heard *ask(struct pair *p, const char *method, const char *path)
{
    const nghttp2_nv authority = FIELD(":authority", "registry.test");
    return ask_with(p, method, path, &authority, 1);
}

static inline int32_t stream_of(const struct pair *p, const struct heard *h)
{
    return (int32_t)(h - p->heard) * 2 + 1;
}

#endif
