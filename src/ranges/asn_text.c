#include "ranges/asn_text.h"

#include "base/ascii.h"
#include "base/num.h"
#include "config/asns.h"

enum { SHOWN_MAX = 64 }; /* bytes of a word that is wrong */

__extension__ typedef unsigned __int128 wide; /* an address */

struct span {
    wide first;
    wide last;
    uint8_t family;
};

struct line {
    const struct asn_sink *to;
    struct diag *diag;
    const char *file;
    unsigned number;
    struct str text;
    struct str rest;
    bool said;          /* some line so far had a prefix */
    struct span before; /* the last that was read */
};

/* Always false. at: what is wrong, in the line's text. */
static bool refuse(const struct line *l, struct str at, const char *what)
{
    unsigned column = (unsigned)(at.data - l->text.data) + 1;
    diag_error(l->diag, (struct diag_at){l->file, l->number, column}, "%s", what);
    return false;
}

/* The same for what is said of that word itself. */
static bool refuse_word(const struct line *l, struct str word, const char *what)
{
    unsigned column = (unsigned)(word.data - l->text.data) + 1;
    diag_error(l->diag, (struct diag_at){l->file, l->number, column}, "\"%.*s\" %s",
               word.len < SHOWN_MAX ? (int)word.len : SHOWN_MAX, word.data, what);
    return false;
}

static bool read_asn(const struct line *l, struct str word, uint32_t *asn)
{
    uint64_t number;
    if (!num_parse(asns_digits(word), UINT32_MAX, &number))
        return refuse_word(
            l, word,
            "is no number of an autonomous system; expected one such as 64500 or AS64500, "
            "at most 4294967295");
    *asn = (uint32_t)number;
    return true;
}

static bool tell(const struct line *l, const struct asn_word *word)
{
    return l->to->take(l->to->context, word) || refuse(l, l->text, ASN_NO_ROOM);
}

/* ── PREFIX ASN [NAME] ── */

static struct str next_word(struct line *l)
{
    size_t at = 0, end;
    while (at < l->rest.len && ascii_is_space(l->rest.data[at]))
        at++;
    for (end = at; end < l->rest.len && !ascii_is_space(l->rest.data[end]);)
        end++;
    struct str word = str_make(l->rest.data + at, end - at);
    l->rest = str_skip(l->rest, end);
    return word;
}

/* What is not wanted is told, too: it may lie in the prefix of one that is. */
static bool read_prefix_line(struct line *l)
{
    struct asn_word word = {.asn = 0};
    uint32_t asn;
    l->rest.len = str_find(l->rest, '#');
    struct str first = next_word(l);
    if (first.len == 0)
        return true;
    if (prefix_parse(first, &word.prefix) == PREFIX_MALFORMED)
        return refuse_word(l, first,
                           "is no prefix; expected \"PREFIX ASN [NAME]\", such as "
                           "\"192.0.2.0/24 64500\"");
    struct str second = next_word(l);
    if (second.len == 0)
        return refuse(l, first, "the number is missing; expected \"PREFIX ASN [NAME]\"");
    if (!read_asn(l, second, &asn))
        return false;
    l->said = true;
    word.asn = asn_is_named(l->to->named, asn) ? asn : 0;
    word.name = ascii_trim_space(l->rest);
    return tell(l, &word);
}

/* ── FIRST,LAST,ASN[,NAME] ── */

static unsigned bits_of(const struct addr *a)
{
    return a->family == ADDR_V4 ? 32 : 128;
}

static wide wide_of(const struct addr *a)
{
    wide n = 0;
    for (unsigned i = 0; i < bits_of(a) / 8; i++)
        n = n << 8 | a->bytes[i];
    return n;
}

static struct addr address_of(wide n, uint8_t family)
{
    struct addr a = {.family = family};
    for (unsigned i = bits_of(&a) / 8; i-- > 0; n >>= 8)
        a.bytes[i] = (uint8_t)n;
    return a;
}

/* The bits below the n-th. */
static wide below(unsigned n)
{
    return n < 128 ? ((wide)1 << n) - 1 : ~(wide)0;
}

/* The fewest prefixes that make up the span. Each is as large as where it begins, and what is left,
 * allow. */
static bool tell_span(const struct line *l, struct span span, struct asn_word *word)
{
    const unsigned bits = span.family == ADDR_V4 ? 32 : 128;
    for (;;) {
        const wide left = span.last - span.first;
        unsigned host = 0;
        while (host < bits && (span.first & below(host + 1)) == 0 && below(host + 1) <= left)
            host++;
        word->prefix = (struct prefix){address_of(span.first, span.family), (uint8_t)(bits - host)};
        if (!tell(l, word))
            return false;
        if (left == below(host))
            return true;
        span.first += below(host) + 1;
    }
}

/* Of spans that overlap, the first counts: those in use are sorted, and some of their thousands do.
 * False: nothing is left of it. */
static bool cut_span(struct line *l, struct span *span)
{
    const struct span before = l->before;
    const bool overlaps =
        before.family == span->family && before.first <= span->first && before.last >= span->first;
    if (overlaps && before.last >= span->last)
        return false;
    l->before = *span;
    if (overlaps)
        span->first = before.last + 1;
    return true;
}

/* Without the quotes around it, if it has some; a comma between them is a part of it. */
static struct str next_field(struct line *l)
{
    const bool quoted = l->rest.len > 0 && l->rest.data[0] == '"';
    struct str rest = quoted ? str_skip(l->rest, 1) : l->rest;
    size_t end = str_find(rest, quoted ? '"' : ',');
    struct str field = str_make(rest.data, end);
    rest = str_skip(rest, end);
    size_t comma = str_find(rest, ',');
    l->rest = str_skip(rest, comma < rest.len ? comma + 1 : comma);
    return field;
}

static bool read_span(struct line *l, struct span *span)
{
    struct addr first, last;
    struct str from = next_field(l), to = next_field(l);
    if (!addr_parse(from, &first) || !addr_parse(to, &last) || first.family != last.family ||
        wide_of(&first) > wide_of(&last))
        return refuse_word(l, from,
                           "begins no span of addresses; expected \"FIRST,LAST,ASN[,NAME]\", such "
                           "as \"192.0.2.0,192.0.2.255,64500,Example\"");
    *span = (struct span){wide_of(&first), wide_of(&last), first.family};
    return true;
}

/* What is not wanted need not be told: it does not lie in what is. */
static bool read_span_line(struct line *l)
{
    struct asn_word word = {.asn = 0};
    struct span span;
    l->rest = ascii_trim_space(l->rest);
    if (l->rest.len == 0 || l->rest.data[0] == '#')
        return true;
    if (!read_span(l, &span) || !read_asn(l, next_field(l), &word.asn))
        return false;
    l->said = true;
    word.name = next_field(l);
    return !cut_span(l, &span) || !asn_is_named(l->to->named, word.asn) ||
           tell_span(l, span, &word);
}

bool asn_text_read(const struct asn_sink *to, const char *name, struct str text, struct diag *d)
{
    struct line l = {.to = to, .diag = d, .file = name};
    const bool spans = str_ends(str_from(name), STR(".csv"));
    bool good = true;
    while (text.len > 0) {
        size_t end = str_find(text, '\n');
        l.number++;
        l.text = l.rest = str_make(text.data, end);
        good = (spans ? read_span_line(&l) : read_prefix_line(&l)) && good;
        text = str_skip(text, end < text.len ? end + 1 : end);
    }
    if (good && !l.said) {
        diag_error(d, (struct diag_at){name, 0, 0}, "holds no prefixes");
        good = false;
    }
    return good;
}
