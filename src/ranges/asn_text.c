#include "ranges/asn.h"

#include "base/num.h"

struct line {
    struct asn_table *table;
    const struct asn_named *named;
    struct diag *diag;
    const char *file;
    unsigned number;
    struct str text;
    struct str rest;
};

/* Always false. at: what is wrong, in the line's text. */
static bool refuse(const struct line *l, struct str at, const char *what)
{
    unsigned column = (unsigned)(at.data - l->text.data) + 1;
    diag_error(l->diag, (struct diag_at){l->file, l->number, column}, "%s", what);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool read_asn(const struct line *l, struct str word, uint32_t *asn)
{
    uint64_t number;
    struct str digits = word;
    if (word.len > 2 && (word.data[0] | 0x20) == 'a' && (word.data[1] | 0x20) == 's')
        digits = str_skip(word, 2);
    if (!num_parse(digits, UINT32_MAX, &number))
        return refuse(l, word,
                      "is no number of an autonomous system; expected one like 64500 or AS64500");
    *asn = (uint32_t)number;
    return true;
}

static bool add(const struct line *l, const struct prefix *prefix, uint32_t asn)
{
    return asn_add(l->table, prefix, asn) ||
           refuse(l, l->text, "there are too many prefixes, the table holds 1000000");
}

/* ── PREFIX ASN [NAME] ── */

static struct str next_word(struct line *l)
{
    size_t at = 0, end;
    while (at < l->rest.len && is_blank(l->rest.data[at]))
        at++;
    for (end = at; end < l->rest.len && !is_blank(l->rest.data[end]);)
        end++;
    struct str word = str_make(l->rest.data + at, end - at);
    l->rest = str_skip(l->rest, end);
    return word;
}

/* A shorter prefix may lie around one that is named: all of them count. */
static bool read_prefix_line(struct line *l)
{
    struct prefix prefix;
    uint32_t asn;
    l->rest.len = str_find(l->rest, '#');
    struct str first = next_word(l);
    if (first.len == 0)
        return true;
    if (prefix_parse(first, &prefix) == PREFIX_MALFORMED)
        return refuse(l, first, "is no prefix; expected \"PREFIX ASN [NAME]\"");
    struct str second = next_word(l);
    if (second.len == 0)
        return refuse(l, first, "the number is missing; expected \"PREFIX ASN [NAME]\"");
    return read_asn(l, second, &asn) && add(l, &prefix, asn_is_named(l->named, asn) ? asn : 0);
}

/* ── FIRST,LAST,ASN[,NAME] ── */

static struct str next_field(struct line *l)
{
    size_t comma = str_find(l->rest, ',');
    struct str field = str_make(l->rest.data, comma);
    l->rest = str_skip(l->rest, comma < l->rest.len ? comma + 1 : comma);
    return field;
}

static bool is_set(const struct addr *a, unsigned bit)
{
    return (a->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

/* The number of bits at the end of a that are 0; at most `bits`. */
static unsigned zeros_at_end(const struct addr *a, unsigned bits)
{
    unsigned n = 0;
    while (n < bits && !is_set(a, bits - 1 - n))
        n++;
    return n;
}

/* The last address of the prefix that begins at a and has so many bits. */
static struct addr last_of(const struct addr *a, unsigned prefix, unsigned bits)
{
    struct addr last = *a;
    for (unsigned bit = prefix; bit < bits; bit++)
        last.bytes[bit / 8] |= (uint8_t)(1U << (7 - bit % 8));
    return last;
}

/* The address behind a; false if a is the very last. */
static bool next_address(struct addr *a, unsigned bits)
{
    for (unsigned i = bits / 8; i-- > 0;)
        if (++a->bytes[i] != 0)
            return true;
    return false;
}

static bool is_behind(const struct addr *a, const struct addr *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) > 0;
}

/* The fewest prefixes that make up all addresses from first to last. */
static bool add_span(const struct line *l, struct addr first, const struct addr *last, uint32_t asn)
{
    const unsigned bits = first.family == ADDR_V4 ? 32 : 128;
    do {
        unsigned length = bits - zeros_at_end(&first, bits);
        struct addr end = last_of(&first, length, bits);
        for (; is_behind(&end, last); end = last_of(&first, length, bits))
            length++;
        const struct prefix prefix = {first, (uint8_t)length};
        if (!add(l, &prefix, asn))
            return false;
        first = end;
    } while (next_address(&first, bits) && !is_behind(&first, last));
    return true;
}

/* Spans do not lie in each other: what is not named need not be known. */
static bool read_span_line(struct line *l)
{
    struct addr first, last;
    uint32_t asn;
    if (l->rest.len > 0 && l->rest.data[l->rest.len - 1] == '\r')
        l->rest.len--;
    if (l->rest.len == 0)
        return true;
    struct str from = next_field(l), to = next_field(l), number = next_field(l);
    if (!addr_parse(from, &first) || !addr_parse(to, &last) || first.family != last.family ||
        is_behind(&first, &last))
        return refuse(l, from, "is no span of addresses; expected \"FIRST,LAST,ASN[,NAME]\"");
    if (!read_asn(l, number, &asn))
        return false;
    return !asn_is_named(l->named, asn) || add_span(l, first, &last, asn);
}

bool asn_text_read(struct asn_table *t, const char *name, struct str text,
                   const struct asn_named *named, struct diag *d)
{
    struct line l = {.table = t, .named = named, .diag = d, .file = name};
    const bool spans = str_ends(str_from(name), STR(".csv"));
    const size_t before = t->n;
    bool good = true, any = false;
    while (text.len > 0) {
        size_t end = str_find(text, '\n');
        l.number++;
        l.text = l.rest = str_make(text.data, end);
        any = any || end > 0;
        good = (spans ? read_span_line(&l) : read_prefix_line(&l)) && good;
        text = str_skip(text, end < text.len ? end + 1 : end);
    }
    if (!any) {
        diag_error(d, (struct diag_at){name, 0, 0}, "holds no prefixes");
        good = false;
    }
    if (!good)
        t->n = before;
    return good;
}
