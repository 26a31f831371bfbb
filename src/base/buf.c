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

/* Whether a sequence is a control (U+0080 to U+009F, which terminals obey) or ends a line for who
 * goes by Unicode (U+2028, U+2029). */
static bool is_obeyed(const unsigned char *s)
{
    return (s[0] == 0xc2 && s[1] < 0xa0) ||
           (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9));
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
        if (bytes == 0 || is_obeyed(s + n))
            break;
        n += bytes;
    }
    return n;
}

/* Writes what plain_length() stops at; how many bytes of s that is. */
static size_t put_escaped(struct buf *b, const unsigned char *s, size_t len)
{
    size_t bytes = sequence(s, len);
    if (bytes == 2)
        escape(b, s[1]); /* of U+0080 to U+009F it is the number */
    else if (bytes == 3)
        buf_text(b, s[2] == 0xa8 ? "\\u2028" : "\\u2029");
    else if (s[0] < 0x80)
        escape(b, s[0]);
    else
        buf_text(b, "\\ufffd");
    return bytes > 0 ? bytes : 1;
}

void buf_json(struct buf *b, struct str s)
{
    const unsigned char *at = (const unsigned char *)s.data;
    for (size_t len = s.len; len > 0;) {
        size_t plain = plain_length(at, len);
        buf_put(b, at, plain);
        if (plain == len)
            return;
        plain += put_escaped(b, at + plain, len - plain);
        at += plain;
        len -= plain;
    }
}
