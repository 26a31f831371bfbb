/*
 * Base64: RFC 4648 section 4, with its padding.
 */
#ifndef ENVOY_BASE64_H
#define ENVOY_BASE64_H

#include <archeio/str.h>

/* How many bytes so many digits stand for, at most. */
#define BASE64_SIZE(digits) ((digits) / 4 * 3 + 3)

/* Reads the whole of text into out, which has room for BASE64_SIZE(text.len). False: it is not
 * Base64. */
bool base64_decode(struct str text, char *out, size_t *len);

#endif
