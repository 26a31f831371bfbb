#include <archeio/addr.h>

#include "base/buf.h"

static const struct addr mapped = {.family = ADDR_V6,
                                   .bytes = {[10] = 0xff, [11] = 0xff}}; /* ::ffff:0:0/96 */

enum { V4_BYTES = 4, V6_BYTES = 16, V6_GROUPS = 8 };

struct addr addr_from_v4(const uint8_t bytes[4])
{
    struct addr a = {.family = ADDR_V4};
    memcpy(a.bytes, bytes, V4_BYTES);
    return a;
}

struct addr addr_from_v6(const uint8_t bytes[16])
{
    if (memcmp(bytes, mapped.bytes, V6_BYTES - V4_BYTES) == 0)
        return addr_from_v4(bytes + (V6_BYTES - V4_BYTES));
    struct addr a = {.family = ADDR_V6};
    memcpy(a.bytes, bytes, V6_BYTES);
    return a;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool parse_v4(struct str text, uint8_t out[V4_BYTES])
{
    size_t at = 0;
    for (int i = 0; i < V4_BYTES; i++) {
        if (i > 0 && (at == text.len || text.data[at++] != '.'))
            return false;
        size_t start = at;
        unsigned value = 0, digit;
        while (at < text.len && at < start + 3 &&
               (digit = (unsigned)(unsigned char)text.data[at] - '0') <= 9) {
            value = value * 10 + digit;
            at++;
        }
        if (at == start || value > 255 || (at > start + 1 && text.data[start] == '0'))
            return false;
        out[i] = (uint8_t)value;
    }
    return at == text.len;
}

static unsigned hex_digit(char c)
{
    unsigned digit = (unsigned)(unsigned char)c - '0';
    if (digit <= 9)
        return digit;
    digit = ((unsigned)(unsigned char)c | 0x20) - 'a';
    return digit <= 5 ? digit + 10 : 16;
}

/* How many hexadecimal digits stand at the front of text, counting no further than 5. */
static size_t parse_group(struct str text, unsigned *value)
{
    size_t n = 0;
    unsigned digit;
    *value = 0;
    while (n < text.len && n < 5 && (digit = hex_digit(text.data[n])) < 16) {
        *value = *value << 4 | digit;
        n++;
    }
    return n;
}

/* An IPv6 address while it is read. */
struct v6 {
    uint8_t bytes[V6_BYTES];
    size_t n;   /* bytes read */
    size_t gap; /* where "::" stood, if there was one */
    bool has_gap;
};

/* Reads a group (or the dotted decimal that ends the address) and the colons behind it, and takes
 * them off the front of text. */
static bool parse_part(struct str *text, struct v6 *out)
{
    unsigned value;
    size_t n = parse_group(*text, &value);
    if (n > 0 && n < text->len && text->data[n] == '.') {
        if (out->n > V6_BYTES - V4_BYTES || !parse_v4(*text, out->bytes + out->n))
            return false;
        out->n += V4_BYTES;
        text->len = 0;
        return true;
    }
    if (n == 0 || n > 4 || out->n == V6_BYTES)
        return false;
    out->bytes[out->n++] = (uint8_t)(value >> 8);
    out->bytes[out->n++] = (uint8_t)value;
    *text = str_skip(*text, n);
    if (text->len == 0)
        return true;
    if (text->data[0] != ':' || text->len == 1)
        return false;
    *text = str_skip(*text, 1);
    if (text->data[0] != ':')
        return true;
    if (out->has_gap)
        return false;
    out->has_gap = true;
    out->gap = out->n;
    *text = str_skip(*text, 1);
    return true;
}

static bool parse_v6(struct str text, struct v6 *out)
{
    *out = (struct v6){.has_gap = str_starts(text, STR("::"))};
    if (out->has_gap)
        text = str_skip(text, 2);
    else if (text.len == 0)
        return false;
    while (text.len > 0)
        if (!parse_part(&text, out))
            return false;
    if (!out->has_gap)
        return out->n == V6_BYTES;
    if (out->n == V6_BYTES)
        return false;
    size_t tail = out->n - out->gap;
    memmove(out->bytes + V6_BYTES - tail, out->bytes + out->gap, tail);
    memset(out->bytes + out->gap, 0, V6_BYTES - out->n);
    return true;
}

bool addr_parse(struct str text, struct addr *out)
{
    uint8_t v4[V4_BYTES];
    struct v6 v6;
    if (parse_v4(text, v4))
        *out = addr_from_v4(v4);
    else if (parse_v6(text, &v6))
        *out = addr_from_v6(v6.bytes);
    else
        return false;
    return true;
}

static void format_v4(const uint8_t bytes[V4_BYTES], struct buf *b)
{
    for (int i = 0; i < V4_BYTES; i++) {
        if (i > 0)
            buf_char(b, '.');
        buf_u64(b, bytes[i]);
    }
}

/* RFC 5952 section 4.2: the longest run of zero groups, of several the first, but never one alone.
 * Returns its length and sets where it begins. */
static int longest_gap(const unsigned groups[V6_GROUPS], int *begin)
{
    int longest = 1, run = 0;
    *begin = V6_GROUPS;
    for (int i = 0; i < V6_GROUPS; i++) {
        run = groups[i] == 0 ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            *begin = i + 1 - run;
        }
    }
    return longest;
}

static void format_group(unsigned group, struct buf *b)
{
    int shift = 12;
    while (shift > 0 && group >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        buf_char(b, "0123456789abcdef"[group >> shift & 15]);
}

static void format_v6(const uint8_t bytes[V6_BYTES], struct buf *b)
{
    unsigned groups[V6_GROUPS];
    for (int i = 0; i < V6_GROUPS; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    int gap, gap_length = longest_gap(groups, &gap);
    bool colon = false;
    for (int i = 0; i < V6_GROUPS; i++) {
        if (i == gap) {
            buf_text(b, "::");
            i += gap_length - 1;
            colon = false;
            continue;
        }
        if (colon)
            buf_char(b, ':');
        format_group(groups[i], b);
        colon = true;
    }
}

size_t addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    struct buf b = buf_make(out, ADDR_TEXT_MAX - 1);
    if (a->family == ADDR_V4)
        format_v4(a->bytes, &b);
    else if (a->family == ADDR_V6)
        format_v6(a->bytes, &b);
    else
        buf_char(&b, '-');
    out[b.len] = '\0';
    return b.len;
}
