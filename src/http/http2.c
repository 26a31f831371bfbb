#include "http/http2.h"

#include "base/num.h"
#include "http/authority.h"
#include "http/http2_answer.h"
#include "http/http_target.h"

#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdlib.h>

/* A client whose list of fields goes on beyond this is no client. */
#define LIST_END (2 * HTTP2_LIST_MAX)
#define FIELDS_END (4 * HTTP_REQUEST_FIELDS_MAX)
#define KEPT (HTTP_REQUEST_FIELDS_MAX + 8 + HTTP_REQUEST_WANTED_MAX)
#define SECOND 1000000000LL
#define FRAME_HEAD 9 /* bytes: RFC 9113 section 4.1 */
#define LIST_COST 25 /* what a list that is too large counts for, in wasted frames */

struct http2 {
    nghttp2_session *session;
    const struct http2_events *events;
    void *owner;
    struct http2_answer_queue answers;
    const struct http_request_wanted *wanted; /* NULL: no fields */
    int64_t credit;                           /* in nanoseconds: what remains of the budget */
    int64_t counted;
    unsigned streams;
    unsigned marked;  /* of them */
    uint32_t newest;  /* the highest stream that has been begun */
    uint32_t unended; /* requests whose bodies were announced, less the ends of such */
    uint64_t begun;   /* bit i: the stream 2 * i below it was, too */
    uint64_t reset;   /* bit i: that one was reset from here, which its client may not know yet */
    unsigned char head[FRAME_HEAD]; /* the beginning of the next frame's, ... */
    uint8_t head_len;               /* ... as far as it has come */
    uint32_t left;                  /* bytes of this frame, or of the preface, still to come */
    bool settled;                   /* the preface and SETTINGS have come */
    bool broken;                    /* nothing more may be received */
    bool fed;                       /* DATA has come */

    /* Of the request whose fields are coming: */
    int32_t stream; /* 0: there is none */
    size_t list;    /* bytes of its list of fields */
    size_t fields;
    struct str host; /* the field */
    struct http_request request;
    nghttp2_rcbuf *kept[KEPT]; /* what its views are of */
    size_t n_kept;
};

/* ── The budget ── */

static void spend(struct http2 *h, int64_t frames)
{
    h->credit -= frames * (SECOND / HTTP2_CREDIT_SECOND);
    if (h->credit < 0)
        nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void refill(struct http2 *h, int64_t now)
{
    const int64_t most = HTTP2_CREDIT * (SECOND / HTTP2_CREDIT_SECOND);
    if (h->credit < 0)
        return;
    h->credit += now - h->counted;
    h->counted = now;
    if (h->credit > most)
        h->credit = most;
}

/* Where memory runs out, nghttp2 cannot go on: what the session was about to say is lost. */
static void note_failure(struct http2 *h, ssize_t result)
{
    if (result < 0 && nghttp2_is_fatal((int)result))
        h->broken = true;
}

/* ── Fields ── */

static void release_kept(struct http2 *h)
{
    while (h->n_kept > 0)
        nghttp2_rcbuf_decref(h->kept[--h->n_kept]);
}

static struct str keep(struct http2 *h, nghttp2_rcbuf *value)
{
    nghttp2_vec text = nghttp2_rcbuf_get_buf(value);
    if (h->n_kept == KEPT)
        return (struct str){0};
    nghttp2_rcbuf_incref(value);
    h->kept[h->n_kept++] = value;
    return str_make((const char *)text.base, text.len);
}

static void keep_first(struct http2 *h, struct str *view, nghttp2_rcbuf *value)
{
    if (view->data == NULL)
        *view = keep(h, value);
}

/* Are the fields wanted that were when the request's first came? */
static bool wants_the_same(const struct http2 *h)
{
    return h->request.wanted_id == (h->wanted != NULL ? h->wanted->id : 0);
}

static void take_wanted(struct http2 *h, struct str name, nghttp2_rcbuf *value)
{
    const struct http_request_wanted *wanted = h->wanted;
    for (uint32_t i = 0; i < wanted->n; i++)
        if (str_eq(wanted->name[i], name))
            keep_first(h, &h->request.wanted[i], value);
}

static void take_field(struct http2 *h, struct str name, nghttp2_rcbuf *value)
{
    struct http_request *r = &h->request;
    if (r->n_wanted > 0 && wants_the_same(h))
        take_wanted(h, name, value);
    if (str_eq(name, STR(":path")))
        r->target = keep(h, value);
    else if (str_eq(name, STR(":method")))
        r->method_text = keep(h, value);
    else if (str_eq(name, STR(":authority")))
        r->host = keep(h, value);
    else if (str_eq(name, STR("host")))
        keep_first(h, &h->host, value);
    else if (str_eq(name, STR("user-agent")))
        keep_first(h, &r->user_agent, value);
    else if (str_eq(name, STR("traceparent")))
        keep_first(h, &r->traceparent, value);
    else if (str_eq(name, STR("x-cloud-trace-context")))
        keep_first(h, &r->cloud_trace, value);
    else if (str_eq(name, STR("x-forwarded-for")))
        r->forwarded_for[r->n_forwarded_for++] = keep(h, value);
}

static bool is_too_large(const struct http2 *h)
{
    return h->fields > HTTP_REQUEST_FIELDS_MAX || h->list > HTTP2_LIST_MAX;
}

/* ── Streams that are gone ── */

static uint64_t bit_of(const struct http2 *h, uint32_t stream)
{
    uint32_t age = (h->newest - stream) / 2;
    return stream <= h->newest && age < 64 ? UINT64_C(1) << age : 0;
}

static void note_begun(struct http2 *h, uint32_t stream)
{
    uint32_t ahead = (stream - h->newest + 1) / 2; /* the first one is ahead of none */
    h->begun = ahead < 64 ? h->begun << ahead | 1 : 1;
    h->reset = ahead < 64 ? h->reset << ahead : 0;
    h->newest = stream;
}

/* nghttp2 passes over what comes for a stream that is gone, because this side may have reset it and
 * the client not heard of it. Where that is not so, it is an error (RFC 9113 section 5.1). */
static void check_stream(struct http2 *h, uint32_t stream)
{
    if (stream % 2 == 0 || stream > h->newest ||
        nghttp2_session_find_stream(h->session, (int32_t)stream) != NULL)
        return;
    uint64_t bit = bit_of(h, stream);
    if (h->reset & bit)
        return;
    bool skipped = bit != 0 && !(h->begun & bit);
    nghttp2_session_terminate_session(h->session,
                                      skipped ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED);
}

/* Does a frame belong to a request: its fields, or the end of its body, once? All others are wasted
 * here, those too that nghttp2 passes over in silence, or that hold nothing but padding. */
static bool is_of_request(struct http2 *h, unsigned type, unsigned flags, uint32_t stream)
{
    if (type == NGHTTP2_HEADERS && stream > h->newest)
        return true;
    bool ends = (type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) &&
                (flags & NGHTTP2_FLAG_END_STREAM) && h->unended > 0;
    h->unended -= ends;
    return ends;
}

/* A frame comes, the first FRAME_HEAD bytes of which lie at head. */
static void frame_begins(struct http2 *h, const unsigned char *head)
{
    unsigned type = head[3], flags = head[4];
    uint32_t stream = (uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                      (uint32_t)head[7] << 8 | head[8];
    h->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    h->fed = h->fed || type == NGHTTP2_DATA;
    if (!is_of_request(h, type, flags, stream))
        spend(h, 1);
    if (type == NGHTTP2_DATA || type == NGHTTP2_HEADERS)
        check_stream(h, stream);
}

/* ── What nghttp2 tells ── */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *h = context;
    (void)session;
    release_kept(h);
    memset(&h->request, 0, offsetof(struct http_request, wanted)); /* a kilobyte behind it */
    h->request.n_forwarded_for = 0;
    http_request_want(&h->request, h->wanted);
    h->host = (struct str){0};
    h->list = h->fields = 0;
    h->stream = frame->hd.stream_id;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    h->streams++;
    note_begun(h, (uint32_t)frame->hd.stream_id);
    h->unended += !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *context)
{
    struct http2 *h = context;
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    (void)flags;
    h->fields++;
    h->list += n.len + v.len + 32;
    if (h->list > LIST_END || h->fields > FIELDS_END) {
        nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && !is_too_large(h))
        take_field(h, str_make((const char *)n.base, n.len), value);
    return 0;
}

/* RFC 9113 section 8.3.1: Host, where it stands beside :authority, says the same. */
static bool contradicts_itself(const struct http2 *h)
{
    return h->host.data != NULL && h->request.host.data != NULL &&
           !str_eq(h->host, h->request.host);
}

/* The status of what is no request; 0: it is one. */
static uint16_t status_of(const struct http2 *h)
{
    const struct http_request *r = &h->request;
    bool long_target = r->target.len > HTTP_TARGET_MAX;
    if (is_too_large(h))
        return r->target.data == NULL || long_target ? 414 : 431;
    if (long_target)
        return 414;
    return authority_valid(r->host) && http_target_valid(r->target) ? 0 : 400;
}

/* What is looked at by other rules than it was read by may come again: RFC 9113 section 8.7. */
static void request_came(struct http2 *h, uint32_t stream)
{
    struct http_request *r = &h->request;
    if (is_too_large(h))
        spend(h, LIST_COST);
    else if (contradicts_itself(h) || !wants_the_same(h)) {
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, (int32_t)stream,
                                  contradicts_itself(h) ? NGHTTP2_PROTOCOL_ERROR
                                                        : NGHTTP2_REFUSED_STREAM);
        return;
    }
    if (r->host.data == NULL)
        r->host = h->host;
    r->method = http_request_method(r->method_text);
    uint16_t status = status_of(h);
    if (status == 0)
        h->events->request(h->owner, stream, r);
    else
        h->events->refused(h->owner, stream, status);
}

/* A client that has filled its stream's window, with padding, too, will get no more, and is told
 * so; behind the answer, which a reset would overtake (RFC 9113 section 8.1). */
static void end_upload(nghttp2_session *session, int32_t stream, bool answered)
{
    if (answered &&
        nghttp2_session_get_stream_effective_recv_data_length(session, stream) >= HTTP2_WINDOW)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *h = context;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        h->settled = true;
    if (frame->hd.type == NGHTTP2_DATA && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        end_upload(session, frame->hd.stream_id,
                   nghttp2_session_get_stream_local_close(session, frame->hd.stream_id) == 1);
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    h->stream = 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_came(h, (uint32_t)frame->hd.stream_id);
    release_kept(h);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *context)
{
    struct http2 *h = context;
    (void)session;
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS)
        h->stream = 0;
    spend(h, 1);
    return 0;
}

/* A reset that this side has to send is as dear as one that it receives: a client can make it send
 * one for every stream (CVE-2025-8671). */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *h = context;
    if (frame->hd.type == NGHTTP2_HEADERS)
        http2_answer_begins(&h->answers, (uint32_t)frame->hd.stream_id);
    if (h->fed && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
        end_upload(session, frame->hd.stream_id, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (frame->hd.type != NGHTTP2_RST_STREAM)
        return 0;
    spend(h, 1);
    h->reset |= bit_of(h, (uint32_t)frame->hd.stream_id);
    return 0;
}

/* Bodies are discarded. The connection's window goes on for the sake of other streams. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *context)
{
    (void)flags;
    (void)stream;
    (void)data;
    (void)context;
    nghttp2_session_consume_connection(session, len);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    struct http2 *h = context;
    void *mark = h->marked > 0 ? nghttp2_session_get_stream_user_data(session, stream) : NULL;
    (void)error;
    if (h->streams > 0)
        h->streams--;
    if (h->stream == stream)
        h->stream = 0;
    http2_answer_forget(&h->answers, (uint32_t)stream);
    if (mark == NULL)
        return 0;
    h->marked--;
    h->events->cancelled(h->owner, mark);
    return 0;
}

/* ── nghttp2's memory ── */

static void *take(size_t size, void *blocks)
{
    return blocks_take(blocks, size);
}

static void *take_zero(size_t n, size_t size, void *blocks)
{
    size_t bytes;
    void *data = num_mul(n, size, &bytes) ? blocks_take(blocks, bytes) : NULL;
    return data != NULL ? memset(data, 0, bytes) : NULL;
}

static void *resize(void *data, size_t size, void *blocks)
{
    return blocks_resize(blocks, data, size);
}

static void give(void *data, void *blocks)
{
    blocks_give(blocks, data);
}

/* ── Life ── */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *c;
    if (nghttp2_session_callbacks_new(&c) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    return c;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *o;
    if (nghttp2_option_new(&o) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, HTTP2_CREDIT);
    return o;
}

static bool submit_settings(struct http2 *h)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP2_LIST_MAX},
    };
    return nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof(settings) / sizeof(settings[0])) == 0;
}

static bool open_session(struct http2 *h, struct blocks *blocks)
{
    nghttp2_mem memory = {blocks, take, give, take_zero, resize};
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *options = make_options();
    bool opened = callbacks != NULL && options != NULL &&
                  nghttp2_session_server_new3(&h->session, callbacks, h, options, &memory) == 0 &&
                  submit_settings(h);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    return opened;
}

struct http2 *http2_new(const struct http2_events *events, void *owner, struct blocks *blocks,
                        int64_t now)
{
    struct http2 *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    h->events = events;
    h->owner = owner;
    h->counted = now;
    h->left = HTTP2_PREFACE_SIZE;
    h->credit = HTTP2_CREDIT * (SECOND / HTTP2_CREDIT_SECOND);
    if (open_session(h, blocks)) {
        h->answers = (struct http2_answer_queue){.session = h->session, .blocks = blocks};
        return h;
    }
    http2_free(h);
    return NULL;
}

void http2_free(struct http2 *h)
{
    if (h == NULL)
        return;
    release_kept(h);
    nghttp2_session_del(h->session);
    http2_answer_release(&h->answers);
    free(h);
}

/* ── Bytes ── */

/* nghttp2 gives up by itself, and leaves it to others to say so. */
static uint32_t reason_of(ssize_t error)
{
    if (error == NGHTTP2_ERR_NOMEM)
        return NGHTTP2_INTERNAL_ERROR;
    return error == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR
                                                 : NGHTTP2_ENHANCE_YOUR_CALM;
}

static bool feed(struct http2 *h, const unsigned char *data, size_t len)
{
    ssize_t n = nghttp2_session_mem_recv(h->session, data, len);
    if (n < 0)
        nghttp2_session_terminate_session(h->session, reason_of(n));
    h->broken = h->broken || n < 0 || h->credit < 0 || !nghttp2_session_want_read(h->session);
    return !h->broken;
}

/* Collects a frame's head that came in pieces, which nghttp2 is not to see before it is whole. */
static size_t feed_head(struct http2 *h, const unsigned char *data, size_t len)
{
    size_t missing = FRAME_HEAD - (size_t)h->head_len;
    size_t n = missing < len ? missing : len;
    memcpy(h->head + h->head_len, data, n);
    h->head_len += (uint8_t)n;
    if (h->head_len < FRAME_HEAD)
        return n;
    h->head_len = 0;
    frame_begins(h, h->head);
    feed(h, h->head, FRAME_HEAD);
    return n;
}

/* Feeds what lies at data of one frame, or of the preface; how many bytes that is. */
static size_t feed_some(struct http2 *h, const unsigned char *data, size_t len)
{
    size_t head = 0;
    if (h->left == 0) {
        if (h->head_len > 0 || len < FRAME_HEAD)
            return feed_head(h, data, len);
        frame_begins(h, data);
        head = FRAME_HEAD;
    }
    size_t n = h->left < len - head ? h->left : len - head;
    h->left -= (uint32_t)n;
    feed(h, data, head + n);
    return head + n;
}

void http2_want(struct http2 *h, const struct http_request_wanted *wanted)
{
    h->wanted = wanted;
}

bool http2_receive(struct http2 *h, const char *data, size_t len, int64_t now)
{
    refill(h, now);
    while (len > 0 && !h->broken) {
        size_t n = feed_some(h, (const unsigned char *)data, len);
        data += n;
        len -= n;
    }
    return !h->broken;
}

size_t http2_send(struct http2 *h, char *out, size_t size)
{
    size_t len = 0;
    while (size - len >= HTTP2_FRAME_MAX) { /* nghttp2 gives one at a time */
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h->session, &data);
        note_failure(h, n);
        if (n <= 0)
            break;
        memcpy(out + len, data, (size_t)n);
        len += http2_answer_complete(&h->answers, out + len, (size_t)n);
    }
    return len;
}

bool http2_is_over(const struct http2 *h)
{
    return h->broken ||
           (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session));
}

bool http2_is_incomplete(const struct http2 *h)
{
    return !h->settled || h->stream != 0;
}

unsigned http2_streams(const struct http2 *h)
{
    return h->streams;
}

void http2_mark(struct http2 *h, uint32_t stream, void *mark)
{
    bool before = nghttp2_session_get_stream_user_data(h->session, (int32_t)stream) != NULL;
    if (nghttp2_session_set_stream_user_data(h->session, (int32_t)stream, mark) != 0)
        return; /* it is gone */
    h->marked += mark != NULL;
    h->marked -= before;
}

void http2_announce_end(struct http2 *h)
{
    nghttp2_submit_shutdown_notice(h->session);
}

void http2_end(struct http2 *h)
{
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

void http2_abort(struct http2 *h)
{
    nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
}

size_t http2_answer(struct http2 *h, uint32_t stream, const struct decide_answer *answer,
                    const struct respond_options *options)
{
    size_t bytes;
    note_failure(h, http2_answer_submit(&h->answers, stream, answer, options, &bytes));
    return bytes;
}
