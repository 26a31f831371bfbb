/*
 * Hexadecimal digits, two for a byte.
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/buf.h"

/* What a digit stands for; -1: it is none. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends n bytes, in lower case. */
static inline void hex_put(struct buf *b, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < n; i++) {
        buf_char(b, digits[from[i] >> 4]);
        buf_char(b, digits[from[i] & 15]);
    }
}

#endif
