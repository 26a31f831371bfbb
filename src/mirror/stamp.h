/*
 * Points in time as servers write them, in seconds since 1970.
 */
#ifndef MIRROR_STAMP_H
#define MIRROR_STAMP_H

#include <archeio/str.h>
#include <stdint.h>

/* RFC 9110 section 5.6.7, the form that is sent today: "Sun, 06 Nov 1994 08:49:37 GMT". False: it
 * is another, and *out untouched. */
bool stamp_http(const char *text, int64_t *out);

/* RFC 3339 in UTC: "2026-11-21T09:04:00Z", a fraction of a second left out of account. */
bool stamp_iso(const char *text, int64_t *out);

#endif
