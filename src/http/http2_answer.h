/*
 * An answer as fields of HTTP/2 (RFC 9113 section 8.3.2), for nghttp2.
 */
#ifndef HTTP_HTTP2_ANSWER_H
#define HTTP_HTTP2_ANSWER_H

#include "http/respond.h"

struct nghttp2_session;

/* What http2_answer() ("http/http2.h") does, for a session of nghttp2: *bytes is what that returns,
 * the result an error code of nghttp2's or 0. */
int http2_answer_submit(struct nghttp2_session *session, uint32_t stream,
                        const struct decide_answer *answer, const struct respond_options *options,
                        size_t *bytes);

#endif
