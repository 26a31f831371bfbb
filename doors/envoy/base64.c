#include "base64.h"

#include <stdint.h>

enum { NO_DIGIT = 64 };

static uint32_t digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : NO_DIGIT;
}

bool base64_decode(struct str text, char *out, size_t *len)
{
    if (text.len % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    size_t n = text.len - padding, written = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t value = digit(text.data[i]);
        if (value == NO_DIGIT)
            return false;
        bits = bits << 6 | value;
        if (i % 4 != 0)
            out[written++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    *len = written;
    return true;
}
