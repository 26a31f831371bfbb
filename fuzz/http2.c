/*
 * HTTP/2 sessions: the input is a byte of flags, a byte that decides what the server does when, and
 * what a client sends.
 *
 * However that is cut, and whenever it is answered: requests are valid and each is told once, only
 * marked streams are cancelled, what is sent consists of frames that may be sent now and does not
 * grow beyond what was received and answered, and there is an end to it.
 */
#include "fuzz.h"

#include "http/authority.h"
#include "http/http2.h"
#include "http/http_target.h"
#include <nghttp2/nghttp2.h>

#define ROOM 40960
#define FRAME_HEAD 9
#define EVENTS_MAX 4096
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define BODY "{}\n"

enum { FLAG_PREFACE = 1, FLAG_LATER = 2, FLAG_TIME = 4, FLAG_SHUTDOWN = 8 };

struct pending {
    uint32_t stream; /* 0: free */
    bool head;
};

struct stream {
    uint16_t status; /* of the answer that is on its way; 0: none is */
    bool has_body;
    bool begun; /* its HEADERS have been sent */
};

struct peer {
    struct blocks blocks;
    struct http2 *session;
    struct fuzz_random random;
    unsigned flags;
    int64_t now;
    uint32_t newest; /* stream of a request */
    struct pending pending[HTTP2_STREAMS];
    struct stream stream[EVENTS_MAX]; /* by number, odd ones only */
    uint64_t said;                    /* hash of all events, in order */
    size_t received;
    size_t answered; /* bytes */
    size_t n_answers;
    size_t sent;
    uint64_t sent_hash;
    /* Of the frame that is being sent: */
    unsigned char frame[HTTP2_FRAME_MAX];
    size_t frame_len;
    nghttp2_hd_inflater *inflater;
    bool over; /* nothing may be told any more */
};

static void mix(uint64_t *hash, const void *data, size_t len)
{
    struct fuzz_random next = fuzz_random(data, len);
    *hash = (*hash ^ next.state) * 0x100000001b3 + len;
}

static struct stream *stream_of(struct peer *p, uint32_t number)
{
    FUZZ_CHECK(number % 2 == 1);
    return number / 2 < EVENTS_MAX ? &p->stream[number / 2] : NULL;
}

/* ── Answers ── */

static void answer(struct peer *p, uint32_t stream, uint16_t status, bool head)
{
    struct decide_answer a = {.status = status};
    struct respond_options options = {.date = DATE, .head = head};
    if (status == 404)
        a.body = STR(BODY);
    if (status == 307)
        a.location = STR("https://upstream.test/v2/a/manifests/1");
    struct stream *s = stream_of(p, stream);
    if (s != NULL) {
        FUZZ_CHECK(s->status == 0);
        *s = (struct stream){.status = status, .has_body = a.body.len > 0 && !head};
    }
    p->answered += http2_answer(p->session, stream, &a, &options);
    p->n_answers++;
}

static void answer_pending(struct peer *p, struct pending *request)
{
    static const uint16_t statuses[] = {200, 307, 404, 405, 400, 429};
    uint32_t stream = request->stream;
    request->stream = 0;
    http2_mark(p->session, stream, NULL);
    answer(p, stream, statuses[fuzz_draw(&p->random, 6)], request->head);
}

/* ── Events ── */

static void check_new(struct peer *p, uint32_t stream)
{
    FUZZ_CHECK(!p->over);
    FUZZ_CHECK(stream % 2 == 1 && stream > p->newest);
    FUZZ_CHECK(http2_streams(p->session) <= HTTP2_STREAMS);
    FUZZ_CHECK(http2_streams(p->session) <= (stream + 1) / 2);
    p->newest = stream;
    mix(&p->said, &stream, sizeof(stream));
}

static void check_request(const struct http_request *r)
{
    FUZZ_CHECK(http_target_valid(r->target) && r->target.len <= HTTP_TARGET_MAX);
    FUZZ_CHECK(authority_valid(r->host));
    FUZZ_CHECK((r->method == DECIDE_GET) == str_eq(r->method_text, STR("GET")));
    FUZZ_CHECK((r->method == DECIDE_HEAD) == str_eq(r->method_text, STR("HEAD")));
    FUZZ_CHECK(r->n_forwarded_for <= HTTP_REQUEST_FIELDS_MAX);
    FUZZ_CHECK(http_request_size(r) <= HTTP2_LIST_MAX);
    FUZZ_CHECK(!r->close && !r->http10);
}

static void on_request(void *owner, uint32_t stream, const struct http_request *r)
{
    struct peer *p = owner;
    size_t i = 0;
    check_new(p, stream);
    check_request(r);
    char *copy = malloc(http_request_size(r) + 1);
    struct http_request copied;
    http_request_copy(&copied, r, copy);
    mix(&p->said, copy, http_request_size(r));
    free(copy);
    if (!(p->flags & FLAG_LATER)) {
        answer(p, stream, 404, r->method == DECIDE_HEAD);
        return;
    }
    while (i < HTTP2_STREAMS && p->pending[i].stream != 0)
        i++;
    FUZZ_CHECK(i < HTTP2_STREAMS);
    p->pending[i] = (struct pending){stream, r->method == DECIDE_HEAD};
    http2_mark(p->session, stream, &p->pending[i]);
}

static void on_refused(void *owner, uint32_t stream, uint16_t status)
{
    struct peer *p = owner;
    check_new(p, stream);
    FUZZ_CHECK(status == 400 || status == 414 || status == 431);
    mix(&p->said, &status, sizeof(status));
    answer(p, stream, status, false);
}

static void on_cancelled(void *owner, void *mark)
{
    struct peer *p = owner;
    struct pending *request = mark;
    FUZZ_CHECK(request >= p->pending && request < p->pending + HTTP2_STREAMS);
    FUZZ_CHECK(request->stream != 0);
    mix(&p->said, &request->stream, sizeof(request->stream));
    request->stream = 0;
}

/* ── What is sent ── */

static void check_fields(struct peer *p, const struct stream *s, const unsigned char *block,
                         size_t len)
{
    char status[8] = "";
    int flags = 0;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv field;
        ssize_t n = nghttp2_hd_inflate_hd2(p->inflater, &field, &flags, block, len, 1);
        FUZZ_CHECK(n >= 0);
        block += n;
        len -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && field.namelen == 7 && field.valuelen == 3 &&
            memcmp(field.name, ":status", 7) == 0)
            memcpy(status, field.value, 3);
    }
    nghttp2_hd_inflate_end_headers(p->inflater);
    FUZZ_CHECK(s == NULL || atoi(status) == s->status);
}

static void check_headers(struct peer *p, uint32_t number, unsigned flags, size_t len)
{
    struct stream *s = stream_of(p, number);
    FUZZ_CHECK(flags & NGHTTP2_FLAG_END_HEADERS);
    FUZZ_CHECK(number <= p->newest);
    check_fields(p, s, p->frame + FRAME_HEAD, len);
    if (s == NULL)
        return;
    FUZZ_CHECK(s->status != 0 && !s->begun);
    FUZZ_CHECK(!(flags & NGHTTP2_FLAG_END_STREAM) == s->has_body);
    s->begun = true;
}

static void check_frame(struct peer *p, size_t len)
{
    uint32_t number = (uint32_t)p->frame[5] << 24 | (uint32_t)p->frame[6] << 16 |
                      (uint32_t)p->frame[7] << 8 | p->frame[8];
    switch (p->frame[3]) {
    case NGHTTP2_HEADERS:
        check_headers(p, number, p->frame[4], len);
        return;
    case NGHTTP2_DATA:
        FUZZ_CHECK(len <= sizeof(BODY) - 1);
        FUZZ_CHECK(stream_of(p, number) == NULL || stream_of(p, number)->begun);
        return;
    case NGHTTP2_RST_STREAM:
        FUZZ_CHECK(len == 4 && number % 2 == 1);
        return;
    case NGHTTP2_SETTINGS:
        FUZZ_CHECK(number == 0 && len % 6 == 0);
        return;
    case NGHTTP2_PING:
        FUZZ_CHECK(number == 0 && len == 8 && p->frame[4] == NGHTTP2_FLAG_ACK);
        return;
    case NGHTTP2_GOAWAY:
        FUZZ_CHECK(number == 0 && len >= 8);
        return;
    default:
        FUZZ_CHECK(p->frame[3] == NGHTTP2_WINDOW_UPDATE && len == 4 && number == 0);
        return;
    }
}

static void check_sent(struct peer *p, const char *data, size_t len)
{
    p->sent += len;
    for (size_t i = 0; i < len; i++) {
        p->frame[p->frame_len++] = (unsigned char)data[i];
        if (p->frame_len < FRAME_HEAD)
            continue;
        size_t size = (size_t)p->frame[0] << 16 | (size_t)p->frame[1] << 8 | p->frame[2];
        FUZZ_CHECK(FRAME_HEAD + size <= HTTP2_FRAME_MAX);
        if (p->frame_len < FRAME_HEAD + size)
            continue;
        check_frame(p, size);
        p->frame_len = 0;
    }
    FUZZ_CHECK(p->frame_len == 0); /* whole frames */
    /* An acknowledgement is as long as what it acknowledges, a reset has 13 bytes for a frame's 9;
     * compression adds a little to what it cannot compress. */
    FUZZ_CHECK(p->sent <= 1024 + 2 * p->received + p->answered + 100 * p->n_answers);
}

static void send_all(struct peer *p)
{
    static char out[ROOM];
    size_t len;
    while ((len = http2_send(p->session, out, sizeof(out))) > 0) {
        FUZZ_CHECK(len <= sizeof(out));
        mix(&p->sent_hash, out, len);
        check_sent(p, out, len);
    }
}

/* ── A session ── */

static const struct http2_events events = {on_request, on_refused, on_cancelled};

static struct peer *begin(unsigned flags, uint8_t behaviour)
{
    struct peer *p = calloc(1, sizeof(*p));
    FUZZ_CHECK(p != NULL);
    p->flags = flags;
    p->random.state = (behaviour + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    p->session = http2_new(&events, p, &p->blocks, p->now);
    FUZZ_CHECK(p->session != NULL && nghttp2_hd_inflate_new(&p->inflater) == 0);
    FUZZ_CHECK(http2_is_incomplete(p->session) && !http2_is_over(p->session));
    return p;
}

static bool receive(struct peer *p, const void *data, size_t len)
{
    char *copy = fuzz_copy(data, len);
    p->received += len;
    bool more = http2_receive(p->session, copy, len, p->now);
    free(copy);
    return more;
}

static bool receive_preface(struct peer *p)
{
    static const char preface[] = HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0";
    return !(p->flags & FLAG_PREFACE) || receive(p, preface, sizeof(preface) - 1);
}

/* What is said last is said: whatever is answered later, nothing follows. */
static void end(struct peer *p)
{
    p->over = true;
    send_all(p);
    if (http2_is_over(p->session)) {
        size_t sent = p->sent;
        send_all(p);
        FUZZ_CHECK(p->sent == sent);
    }
    nghttp2_hd_inflate_del(p->inflater);
    http2_free(p->session);
    blocks_release(&p->blocks);
}

/* What a server does between two reads. */
static void act(struct peer *p)
{
    if (p->newest > 0 && http2_is_incomplete(p->session))
        FUZZ_CHECK(http2_streams(p->session) > 0);
    size_t draw = fuzz_draw(&p->random, 16);
    struct pending *request = &p->pending[fuzz_draw(&p->random, HTTP2_STREAMS)];
    if (request->stream == 0)
        request = &p->pending[0];
    if (request->stream != 0 && draw % 4 == 0)
        answer_pending(p, request);
    if (draw % 4 != 1)
        send_all(p);
    if (p->flags & FLAG_TIME)
        p->now += (int64_t)draw * 10000000;
    if (!(p->flags & FLAG_SHUTDOWN) || fuzz_draw(&p->random, 16) != 0)
        return;
    if (draw < 8)
        http2_announce_end(p->session);
    else if (draw < 14)
        http2_end(p->session);
    else
        http2_abort(p->session);
}

static void run_in_pieces(unsigned flags, uint8_t behaviour, const uint8_t *data, size_t size)
{
    struct peer *p = begin(flags, behaviour);
    bool more = receive_preface(p);
    while (size > 0 && more && !http2_is_over(p->session)) {
        size_t n = 1 + fuzz_draw(&p->random, fuzz_draw(&p->random, 2) == 0 ? 16 : 256);
        n = n < size ? n : size;
        more = receive(p, data, n);
        data += n;
        size -= n;
        act(p);
    }
    end(p);
    free(p);
}

/* ── The same, however it is cut ── */

/* Everything is answered at once, and sent at the end. */
static struct peer *run_quietly(unsigned flags, const uint8_t *data, size_t size, size_t piece)
{
    struct peer *p = begin(flags & FLAG_PREFACE, 0);
    bool more = receive_preface(p);
    while (size > 0 && more) {
        size_t n = piece < size ? piece : size;
        more = receive(p, data, n);
        data += n;
        size -= n;
    }
    end(p);
    return p;
}

static void check_cut(unsigned flags, uint8_t behaviour, const uint8_t *data, size_t size)
{
    struct peer *whole = run_quietly(flags, data, size, size);
    struct peer *cut = run_quietly(flags, data, size, 1 + behaviour % 16);
    FUZZ_CHECK(whole->said == cut->said && whole->sent == cut->sent);
    FUZZ_CHECK(whole->sent_hash == cut->sent_hash);
    free(whole);
    free(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned flags = fuzz_byte(&data, &size);
    uint8_t behaviour = fuzz_byte(&data, &size);
    run_in_pieces(flags, behaviour, data, size);
    check_cut(flags, behaviour, data, size);
    return 0;
}
