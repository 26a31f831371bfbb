/*
 * Percent-encoding (RFC 3986 section 2.1), as paths, queries and forms have it.
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/hex.h"

/* Appends text. What is unreserved (section 2.3) stands for itself, and so does what is in plain.
 */
void percent_encode(struct buf *out, struct str text, const char *plain);

/* The byte that the escape stands for with which s begins; -1: it is broken, or none. */
static inline int percent_byte(struct str s)
{
    if (s.len < 3 || s.data[0] != '%')
        return -1;
    int high = hex_value(s.data[1]), low = hex_value(s.data[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* In place. False: there is a broken escape in it, or one of a NUL; text is then undefined. */
bool percent_decode(char *text);

#endif
