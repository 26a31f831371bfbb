#include "base/buf.h"

#include "base/num.h"

#define ONES 0x0101010101010101U

void buf_u64(struct buf *b, uint64_t value)
{
    char digits[NUM_TEXT_MAX];
    buf_put(b, digits, num_format(value, digits));
}

/* How many bytes the well-formed UTF-8 sequence at the front of s takes (RFC 3629 section 4), if it
 * is of more than one; 0 if there is none. */
static size_t sequence(const unsigned char *s, size_t len)
{
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

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The top bit of each byte of the result is set if that byte of w is below n, which is at most
 * 0x80, or has its own top bit set; bytes above such a one may be set, too. */
static uint64_t below(uint64_t w, uint64_t n)
{
    return (w - ONES * n) | w;
}

/* Whether all eight bytes are plain: nearly all of what is logged is, and eight at once are the
 * price of one. May say no for a byte that is plain, never yes for one that is not. */
static bool all_plain(const unsigned char *s)
{
    uint64_t w;
    memcpy(&w, s, sizeof(w));
    uint64_t odd = below(w, 0x20) | below(w ^ ONES * '"', 1) | below(w ^ ONES * '\\', 1) |
                   below(w ^ ONES * 0x7f, 1);
    return (odd & ONES * 0x80) == 0;
}

/* How many bytes at the front of s need no escape. */
static size_t plain_length(const unsigned char *s, size_t len)
{
    size_t n = 0;
    while (n < len) {
        while (len - n >= 8 && all_plain(s + n))
            n += 8;
        if (n == len)
            break;
        if (is_plain(s[n])) {
            n++;
            continue;
        }
        size_t bytes = sequence(s + n, len - n);
        if (bytes == 0)
            break;
        n += bytes;
    }
    return n;
}

void buf_json(struct buf *b, struct str s)
{
    const unsigned char *at = (const unsigned char *)s.data;
    for (size_t len = s.len; len > 0;) {
        size_t plain = plain_length(at, len);
        buf_put(b, at, plain);
        if (plain == len)
            return;
        if (at[plain] < 0x80)
            escape(b, at[plain]);
        else
            buf_text(b, "\\ufffd");
        at += plain + 1;
        len -= plain + 1;
    }
}
