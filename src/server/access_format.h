/*
 * A record of the access log as a line: one JSON object (RFC 8259), whatever the client sent.
 */
#ifndef SERVER_ACCESS_FORMAT_H
#define SERVER_ACCESS_FORMAT_H

#include "base/buf.h"
#include "server/access.h"

/* Keeps the text of the last second. All zero to begin. */
struct access_format {
    int64_t second;
    char time[20]; /* "2006-01-02T15:04:05." */
};

/* How many bytes the line can take at most. */
size_t access_format_bound(const struct access_record *r);

/* Appends the line. */
void access_format_line(struct access_format *f, struct buf *out, const struct access_record *r);

/* What the cache said: "present", "miss" and so on; "" for any other number. */
const char *access_format_cache(int cache);

/* The trace id in a traceparent (W3C Trace Context, section 3.2) or an X-Cloud-Trace-Context
 * ("TRACE/SPAN;o=OPTIONS"): 32 hex digits; empty if there is none. */
struct str access_format_trace(struct str field);

#endif
