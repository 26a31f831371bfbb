/*
 * A request, in whichever version of HTTP it came: RFC 9110.
 */
#ifndef HTTP_HTTP_REQUEST_H
#define HTTP_HTTP_REQUEST_H

#include <archeio/decide.h>
#include <archeio/str.h>

#define HTTP_REQUEST_FIELDS_MAX 64 /* fields of a request */

/* Those that routes look at, and those that say whose request it is, and which. */
#define HTTP_REQUEST_WANTED_MAX (SNAPSHOT_HEADERS_MAX + 4)

/* Fields that are kept beside those that struct http_request names. */
struct http_request_wanted {
    struct str name[HTTP_REQUEST_WANTED_MAX]; /* in lower case; one may stand there twice */
    uint32_t n;
    uint64_t id; /* alike only for alike names; 0: none */
};

/* Views of the bytes that it came in, or of a copy. */
struct http_request {
    enum decide_method method;
    struct str method_text;
    struct str target;
    struct str host;       /* the target's authority, else Host; empty if none came (1.0) */
    struct str user_agent; /* the first of each; empty if there was none */
    struct str traceparent;
    struct str cloud_trace; /* X-Cloud-Trace-Context */
    uint64_t wanted_id;     /* of the fields that were wanted; 0: there are none */

    /* Of these two, only what is counted has been written. */
    uint32_t n_wanted;
    struct str wanted[HTTP_REQUEST_WANTED_MAX]; /* of each the first; data is NULL: none came */
    struct str forwarded_for[HTTP_REQUEST_FIELDS_MAX]; /* X-Forwarded-For, in the order received */
    size_t n_forwarded_for;

    /* Of HTTP/1 alone: */
    size_t head_size; /* bytes of the head; the next request begins there */
    bool http10;
    bool close; /* the connection ends after this answer: "Connection: close", 1.0 without
                 * keep-alive, or a body was announced, which is never read */
};

/* A method's name, which is case-sensitive (RFC 9110 section 9.1), as a decision wants it. */
enum decide_method http_request_method(struct str name);

/* Makes room for the fields that are wanted; NULL: none. */
static inline void http_request_want(struct http_request *r,
                                     const struct http_request_wanted *wanted)
{
    r->n_wanted = 0;
    r->wanted_id = 0;
    if (wanted == NULL || wanted->n == 0)
        return;
    r->n_wanted = wanted->n;
    r->wanted_id = wanted->id;
    memset(r->wanted, 0, wanted->n * sizeof(r->wanted[0]));
}

/* How much memory a copy's views take. */
size_t http_request_size(const struct http_request *r);

/* A copy whose views are of memory, which has room for http_request_size(). */
void http_request_copy(struct http_request *to, const struct http_request *from, char *memory);

#endif
