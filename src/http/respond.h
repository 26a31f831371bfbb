/*
 * HTTP/1.1 answers, written whole into the caller's memory: RFC 9112 section 4, RFC 9110.
 *
 * An answer to HEAD has the fields of the answer to GET and no body (RFC 9110 section 9.3.2).
 * Answers say HTTP/1.1, whatever the request's version (RFC 9110 section 2.5).
 */
#ifndef HTTP_RESPOND_H
#define HTTP_RESPOND_H

#include "base/buf.h"
#include <archeio/decide.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT": IMF-fixdate, RFC 9110 section 5.6.7. */
#define RESPOND_DATE_SIZE 29

/* What every answer has, Location and body aside: at most this many bytes. */
#define RESPOND_HEAD_MAX 320

#define RESPOND_FIELD_MORE 4 /* bytes of a page's field beside name and value */

/* How many bytes of a redirect stand before its Location. A caller that has decide write the
 * Location at out->data + out->len + RESPOND_LOCATION_AT saves a copy: respond_answer() writes
 * around it. One that lies anywhere else is copied. */
#define RESPOND_LOCATION_AT 43

enum respond_connection {
    RESPOND_KEEP,        /* says nothing: what HTTP/1.1 does anyhow */
    RESPOND_CLOSE,       /* "Connection: close"; the caller closes */
    RESPOND_KEEP_HTTP10, /* "Connection: keep-alive", for which a client of 1.0 waits */
};

struct respond_field {
    struct str name; /* as HTTP/1.1 writes it: "X-Archeio-Status" */
    struct str value;
};

/* What is said in the place of a decision's answer. That no field holds the end of a line is the
 * caller's to see to. */
struct respond_page {
    uint16_t status; /* one that decisions have, too */
    struct str type; /* of the body */
    struct str body;
    const struct respond_field *field;
    size_t n_fields;
};

struct respond_options {
    const char *date; /* RESPOND_DATE_SIZE bytes, from respond_date() */
    enum respond_connection connection;
    uint32_t retry_after;            /* seconds; 0: nothing is said of it */
    bool head;                       /* the method was HEAD */
    const struct respond_page *page; /* stands in the place of the decision's answer; NULL: none */
};

/* The date of a second, not terminated; from years 1 to 9999. */
void respond_date(int64_t unix_seconds, char out[RESPOND_DATE_SIZE]);

/* Appends an answer. It fits if out has room for RESPOND_HEAD_MAX, the Location and the body; a
 * page, for RESPOND_HEAD_MAX, type, body, and the fields with RESPOND_FIELD_MORE for each;
 * otherwise out->full is set and what was appended is not an answer. */
void respond_answer(struct buf *out, const struct decide_answer *answer,
                    const struct respond_options *options);

/* Appends an answer without a decision, which always closes: 400, 408, 414, 431 or 505 (400 for
 * any other number). why: a body for people, or empty. At most RESPOND_HEAD_MAX bytes and why. */
void respond_error(struct buf *out, uint16_t status, struct str why, const char *date);

#endif
