/*
 * Answers as fields of HTTP/2 (RFC 9113 section 8.3.2).
 *
 * nghttp2 is given the status alone; the other fields, which differ from answer to answer, are
 * written behind it into the frame that nghttp2 makes. They are literals that enter no table and
 * are not compressed (RFC 7541 section 6.2.2), so nghttp2 need not know of them. That is half of
 * what an answer costs in nghttp2, for a quarter more bytes of Location.
 */
#ifndef HTTP_HTTP2_ANSWER_H
#define HTTP_HTTP2_ANSWER_H

#include "http/respond.h"
#include "sys/blocks.h"

struct nghttp2_session;

/* What is still to be written into the frames of a session. Begin with all zero but the first two,
 * which are borrowed. */
struct http2_answer_queue {
    struct nghttp2_session *session;
    struct blocks *blocks;
    struct http2_answer_rest *first; /* private, as what follows */
    struct http2_answer_rest *last;
    struct http2_answer_rest *current;
    struct http2_answer_body *bodies;
    uint32_t begun; /* the stream that was, last */
};

/* What http2_answer() ("http/http2.h") does: *bytes is what that returns, the result an error code
 * of nghttp2's or 0. */
int http2_answer_submit(struct http2_answer_queue *q, uint32_t stream,
                        const struct decide_answer *answer, const struct respond_options *options,
                        size_t *bytes);

/* nghttp2 has made the frame of this stream's status, and hands it out next. */
void http2_answer_begins(struct http2_answer_queue *q, uint32_t stream);

/* Completes what nghttp2 has handed out, whatever it is, in memory for the largest frame there is
 * (HTTP2_FRAME_MAX): how many of its bytes are to be sent. */
size_t http2_answer_complete(struct http2_answer_queue *q, char *frame, size_t len);

/* The stream is gone, answered or not. */
void http2_answer_forget(struct http2_answer_queue *q, uint32_t stream);

/* The session is gone, or about to go. */
void http2_answer_release(struct http2_answer_queue *q);

#endif
