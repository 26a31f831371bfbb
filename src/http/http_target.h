/*
 * The target of a request: RFC 9112 section 3.2, RFC 9113 section 8.3.1.
 */
#ifndef HTTP_HTTP_TARGET_H
#define HTTP_HTTP_TARGET_H

#include <archeio/decide.h>

#define HTTP_TARGET_MAX DECIDE_TARGET_MAX

/* Has it only bytes that a target may hold: visible ASCII, no '#', and no backslash before the
 * query? What they mean is decided elsewhere (steps R1 to R13). */
bool http_target_valid(struct str target);

/* RFC 9112 section 3.2: is it, which is not empty, in one of the forms that may stand with this
 * method? */
bool http_target_form_valid(struct str method, struct str target);

/* Absolute-form (RFC 9112 section 3.2.2): false if it is not; else what stands between "//" and
 * path or query, either of which may be missing. Whether that is an authority is not looked at. */
bool http_target_authority(struct str target, struct str *authority);

#endif
