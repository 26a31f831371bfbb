#include "oci/target.h"

#include "base/percent.h"
#include "base/scan.h"

#include <stdint.h>

/* What a byte may be, RFC 3986 section 3.3. */
enum {
    PCHAR = 1, /* may stand for itself in a segment */
    SLASH = 2,
};

#define P PCHAR
#define FIVE(c) [(c)] = P, [(c) + 1] = P, [(c) + 2] = P, [(c) + 3] = P, [(c) + 4] = P
#define LETTERS(c) FIVE(c), FIVE((c) + 5), FIVE((c) + 10), FIVE((c) + 15), FIVE((c) + 20)
static const uint8_t class_of[256] = {
    ['!'] = P, ['$'] = P, ['&'] = P,    ['\''] = P, ['('] = P,    [')'] = P,
    ['*'] = P, ['+'] = P, [','] = P,    ['-'] = P,  [':'] = P,    [';'] = P,
    ['='] = P, ['@'] = P, ['_'] = P,    ['~'] = P,  ['.'] = P,    ['/'] = SLASH,
    FIVE('0'), FIVE('5'), LETTERS('A'), ['Z'] = P,  LETTERS('a'), ['z'] = P,
};
#undef LETTERS
#undef FIVE
#undef P

/* Decodes the escapes of pchars; any other, and a broken one, stays as it is for the judge, to whom
 * a '%' is no pchar. */
static struct str decode(struct str path, char *memory)
{
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        int value = c == '%' ? percent_byte(str_skip(path, i)) : -1;
        if (value >= 0 && (class_of[value] & PCHAR) != 0) {
            c = (char)value;
            i += 2;
        }
        memory[n++] = c;
    }
    return str_make(memory, n);
}

/* No segment is empty, "." or "..". A path that ends in '/' has an empty last segment. */
static bool segments_are_safe(struct str path)
{
    size_t dots = 0, others = 0; /* in this segment */
    for (size_t i = 1; i < path.len; i++) {
        if (path.data[i] == '/') {
            if (others == 0 && dots <= 2)
                return false;
            dots = others = 0;
        } else if (path.data[i] == '.') {
            dots++;
        } else {
            others++;
        }
    }
    return others > 0 || dots > 2;
}

/* What was found in a path so far. */
struct findings {
    bool unfit;    /* neither pchar nor separator */
    uint64_t odd;  /* flags: separators and dots that follow a separator */
    uint64_t last; /* the lowest flag: the last byte was a separator */
};

static void look_at(struct findings *f, const char eight[8])
{
    uint64_t word = scan_load(eight);
    uint64_t slash = scan_each(word, '/'), dot = scan_each(word, '.');
    for (size_t i = 0; i < 8; i++)
        f->unfit |= class_of[(unsigned char)eight[i]] == 0;
    f->odd |= (slash << 8 | f->last) & (slash | dot);
    f->last = slash >> 56;
}

/* Only pchars and separators, in segments that are safe. The first byte is '/'. Every request comes
 * by here: segments are looked at only where one is empty or begins with a dot. */
static bool path_is_safe(struct str path)
{
    struct findings f = {0};
    char rest[8] = "xxxxxxxx";
    size_t i = 0;
    for (; path.len - i >= 8; i += 8)
        look_at(&f, path.data + i);
    memcpy(rest, path.data + i, path.len - i);
    look_at(&f, rest);
    bool odd = f.odd != 0 || path.data[path.len - 1] == '/'; /* an empty last segment */
    return !f.unfit && (!odd || segments_are_safe(path));
}

/* RFC 3986 section 3.4 allows less than this; registries have always been sent more, and what is
 * refused is what could end or split a header line, or begin a fragment. */
static bool query_is_safe(struct str query)
{
    unsigned char bad = 0;
    for (size_t i = 0; i < query.len; i++) {
        unsigned char c = (unsigned char)query.data[i];
        bad |= (unsigned char)(c < 0x21) | (unsigned char)(c > 0x7e) | (unsigned char)(c == '#');
    }
    return bad == 0;
}

/* RFC 9112 section 3.2.2: moves *target behind the authority. False if it is no http URI. */
static bool skip_authority(struct str *target)
{
    size_t colon = str_find(*target, ':');
    struct str scheme = str_make(target->data, colon);
    struct str rest = str_skip(*target, colon);
    if (!str_eq_nocase(scheme, STR("http")) && !str_eq_nocase(scheme, STR("https")))
        return false;
    if (!str_starts(rest, STR("://")))
        return false;
    rest = str_skip(rest, 3);
    size_t authority = 0;
    while (authority < rest.len && rest.data[authority] != '/' && rest.data[authority] != '?')
        authority++;
    *target = str_skip(rest, authority);
    return true;
}

void target_normalise(struct str raw, char *memory, struct target *out)
{
    *out = (struct target){.path = STR(""), .raw = STR(""), .query = STR("")};
    if (raw.len == 0 || (raw.data[0] != '/' && !skip_authority(&raw)))
        return;
    size_t mark = str_find(raw, '?');
    out->path = str_make(raw.data, mark);
    out->query = str_skip(raw, mark);
    if (out->path.len == 0)
        out->path = STR("/"); /* RFC 9110 section 4.2.3 */
    out->raw = out->path;
    if (str_find(out->path, '%') < out->path.len)
        out->path = decode(out->path, memory);
    out->safe = path_is_safe(out->path) && query_is_safe(out->query);
}

bool target_is_registry(const struct target *t)
{
    return str_starts(t->path, STR("/v2/")) || str_eq(t->path, STR("/v2"));
}

/* Is the segment "." or ".."? Decoded, so that escaped dots are dots. */
static bool is_dots(struct str segment)
{
    return str_eq(segment, STR(".")) || str_eq(segment, STR(".."));
}

/* How many bytes are a separator at the front: a slash, or the escape of one or of a backslash,
 * which some stores decode before they resolve dots. */
static size_t separator(struct str s)
{
    if (s.data[0] != '%')
        return s.data[0] == '/' ? 1 : 0;
    int value = percent_byte(s);
    return value == '/' || value == '\\' ? 3 : 0;
}

static bool has_dots(struct str path)
{
    size_t begin = 0, i = 0;
    while (i < path.len) {
        size_t n = separator(str_skip(path, i));
        if (n > 0 && is_dots(str_make(path.data + begin, i - begin)))
            return true;
        i += n > 0 ? n : 1;
        begin = n > 0 ? i : begin;
    }
    return is_dots(str_skip(path, begin));
}

bool target_raw_is_safe(const struct target *t)
{
    for (size_t i = 0; i < t->raw.len; i++) {
        unsigned char c = (unsigned char)t->raw.data[i];
        if (c == '%' ? percent_byte(str_skip(t->raw, i)) < 0 : class_of[c] == 0)
            return false;
    }
    return t->raw.len > 0 && !has_dots(t->path) && query_is_safe(t->query);
}
