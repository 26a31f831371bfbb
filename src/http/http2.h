/*
 * HTTP/2 (RFC 9113), server side, by nghttp2: bytes in, requests out; answers in, bytes out. No
 * sockets, no clock, no body is ever read.
 *
 * nghttp2 keeps the protocol. What it leaves to its users is here: the list of fields is bounded in
 * bytes and number; the windows are small, and a stream's is never extended; and what costs more
 * here than it costs the client (resets, broken frames, SETTINGS, PING, empty frames, and so on)
 * has a budget, which fills up again with time and whose overrun ends the connection.
 */
#ifndef HTTP_HTTP2_H
#define HTTP_HTTP2_H

#include "http/http_request.h"
#include "http/respond.h"
#include "sys/blocks.h"

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_SIZE (sizeof(HTTP2_PREFACE) - 1)

#define HTTP2_FRAME_MAX (9 + 16384) /* bytes: RFC 9113 sections 4.1 and 4.2 */

#define HTTP2_STREAMS 100      /* at once */
#define HTTP2_LIST_MAX 16384   /* bytes of a list of fields, 32 added for each (section 6.5.2) */
#define HTTP2_WINDOW 16384     /* of a stream, for bodies that nobody reads */
#define HTTP2_CREDIT 125       /* what a client may waste at once, in frames ... */
#define HTTP2_CREDIT_SECOND 25 /* ... and a second */

struct http2;

struct http2_events {
    /* A request has come; its views are valid during the call. It is to be answered, now or later.
     */
    void (*request)(void *owner, uint32_t stream, const struct http_request *r);
    /* What is no request is to be answered with this status, at once. */
    void (*refused)(void *owner, uint32_t stream, uint16_t status);
    /* A stream that was marked is gone without an answer. */
    void (*cancelled)(void *owner, void *mark);
};

/* Its memory is of `blocks`, which outlive it. NULL: there is none. */
struct http2 *http2_new(const struct http2_events *events, void *owner, struct blocks *blocks,
                        int64_t now);
void http2_free(struct http2 *h);

/* Which fields of requests are kept, from the next request on; they must stay until others are
 * named. A request of which a part has come by then is refused, if those are others. */
void http2_want(struct http2 *h, const struct http_request_wanted *wanted);

/* Takes bytes that were received, the preface first. now: nanoseconds, of any clock that only goes
 * forward. After false nothing more may be received: what http2_send() has is the last. */
bool http2_receive(struct http2 *h, const char *data, size_t len, int64_t now);

/* Writes frames that are to be sent, at most size bytes, which is at least HTTP2_FRAME_MAX: how
 * many bytes; 0: there are none now. */
size_t http2_send(struct http2 *h, char *out, size_t size);

/* Is there nothing more to receive and nothing more to send? */
bool http2_is_over(const struct http2 *h);

/* Answers a request; what the answer refers to is copied, but for its body, which is static and
 * ends with a zero byte. A page is copied whole; its fields fit into HTTP2_FIELDS_MAX bytes, with
 * HTTP2_FIELD_MORE for each. Of the options, what is said of the connection is of HTTP/1. How many
 * bytes it takes, before they are compressed. */
#define HTTP2_FIELDS_MAX 16000
#define HTTP2_FIELD_MORE 8
size_t http2_answer(struct http2 *h, uint32_t stream, const struct decide_answer *answer,
                    const struct respond_options *options);

/* What `cancelled` is to be told of the stream; NULL: nothing any more. */
void http2_mark(struct http2 *h, uint32_t stream, void *mark);

/* Is there a beginning whose end has not come: of the preface, or of a request's fields? */
bool http2_is_incomplete(const struct http2 *h);

/* How many streams are open. */
unsigned http2_streams(const struct http2 *h);

/* Tells the client to begin no more streams; those that it has begun meanwhile are answered. */
void http2_announce_end(struct http2 *h);

/* Streams that have not come by now will not be answered; it is over when the others have been. */
void http2_end(struct http2 *h);

/* It is over when that has been said. */
void http2_abort(struct http2 *h);

#endif
