/*
 * HTTP/1.1 request heads, strictly: RFC 9110, RFC 9112. No body is ever read.
 *
 * Where the RFC lets a recipient be lenient (bare LF, several spaces, obs-fold), this parser
 * refuses: two parties that read one message differently can be made to disagree on where it ends.
 */
#ifndef HTTP_HTTP1_H
#define HTTP_HTTP1_H

#include "http/http_request.h"
#include "http/http_target.h"

#define HTTP1_TARGET_MAX HTTP_TARGET_MAX
#define HTTP1_FIELD_MAX 8192 /* bytes of one field line */
#define HTTP1_FIELDS_MAX HTTP_REQUEST_FIELDS_MAX
#define HTTP1_HEAD_MAX 16384 /* bytes of all of it, request line included */

enum http1_result {
    HTTP1_MORE,  /* not all of it has come */
    HTTP1_DONE,  /* *request is filled; views into data */
    HTTP1_ERROR, /* answer with parser.status, then close */
    HTTP1_CLOSE, /* not HTTP at all: close without an answer */
};

/* Where the last call stopped, so that a head that drips in is read once; all zero to begin. */
struct http1_parser {
    size_t scanned; /* bytes known to hold no line end */
    size_t line;    /* where the first unparsed line begins */
    size_t fields;
    uint16_t status;                          /* after HTTP1_ERROR: 400, 414, 431, 505 */
    uint16_t seen;                            /* private: which fields came, and what they said */
    const struct http_request_wanted *wanted; /* the caller's, before each call; NULL: none */
};

/* data: everything from the first byte of the request; len grows from call to call until the result
 * is not HTTP1_MORE. The data may move between calls: views are made when it is done. */
enum http1_result http1_parse(struct http1_parser *parser, const char *data, size_t len,
                              struct http_request *request);

#endif
