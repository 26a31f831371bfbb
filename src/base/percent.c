#include "base/percent.h"

#include "base/ascii.h"

static bool is_plain(char c, const char *plain)
{
    return ascii_is_alnum(c) ||
           (c != '\0' && (strchr("-._~", c) != NULL || strchr(plain, c) != NULL));
}

void percent_encode(struct buf *out, struct str text, const char *plain)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_plain((char)c, plain)) {
            buf_char(out, (char)c);
            continue;
        }
        buf_char(out, '%');
        buf_char(out, digits[c >> 4]);
        buf_char(out, digits[c & 15]);
    }
}

bool percent_decode(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int byte = percent_byte(str_make(at, strnlen(at, 3)));
        if (byte <= 0)
            return false;
        *to++ = (char)byte;
        at += 2;
    }
    *to = '\0';
    return true;
}
