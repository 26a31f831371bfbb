/*
 * Percent-encoding (RFC 3986 section 2.1), as paths, queries and forms have it.
 */
#ifndef MIRROR_PERCENT_H
#define MIRROR_PERCENT_H

#include "base/buf.h"

/* Appends text. What is unreserved (section 2.3) stands for itself, and so does what is in plain.
 */
void percent_encode(struct buf *out, struct str text, const char *plain);

/* In place. False: there is a broken escape in it, or one of a NUL; text is then undefined. */
bool percent_decode(char *text);

#endif
