#include "base/buf.h"

#include "base/num.h"

void buf_u64(struct buf *b, uint64_t value)
{
    char digits[NUM_TEXT_MAX];
    buf_put(b, digits, num_format(value, digits));
}

/* How many bytes the well-formed UTF-8 sequence at the front of s takes (RFC 3629 section 4); 0 if
 * there is none. */
static size_t sequence(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || len < n)
        return 0;
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static void escape(struct buf *b, unsigned char c)
{
    static const char hex[16] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\') {
        text[1] = (char)c;
        buf_put(b, text, 2);
    } else {
        buf_put(b, text, sizeof(text));
    }
}

void buf_json(struct buf *b, struct str s)
{
    const unsigned char *at = (const unsigned char *)s.data;
    size_t len = s.len, plain = 0;
    while (plain < len) {
        size_t n = sequence(at + plain, len - plain);
        if (n > 0 && at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\' &&
            at[plain] != 0x7f) {
            plain += n;
            continue;
        }
        buf_put(b, at, plain);
        if (n == 0)
            buf_text(b, "\\ufffd");
        else
            escape(b, at[plain]);
        at += plain + 1;
        len -= plain + 1;
        plain = 0;
    }
    buf_put(b, at, plain);
}
