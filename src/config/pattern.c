#include "config/pattern.h"

#include "base/ascii.h"
#include "base/percent.h"

#include <string.h>

/* ── What a pattern may be ── */

/* pchar and '/' (RFC 3986 section 3.3). */
static bool is_path_text(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%' && percent_byte(str_skip(text, i)) < 0)
            return false;
        if (!ascii_is_alnum(c) && (c == '\0' || strchr("-._~!$&'()*+,;=:@/%", c) == NULL))
            return false;
    }
    return true;
}

static bool has_three_stars(struct str text)
{
    for (size_t i = 0; i + 2 < text.len; i++)
        if (memcmp(text.data + i, "***", 3) == 0)
            return true;
    return false;
}

static bool has_segment(struct str text, struct str segment)
{
    for (;;) {
        size_t end = str_find(text, '/');
        if (str_eq(str_make(text.data, end), segment))
            return true;
        if (end == text.len)
            return false;
        text = str_skip(text, end + 1);
    }
}

static bool fits(struct str text)
{
    return text.len > 0 && text.len <= PATTERN_MAX && is_path_text(text) &&
           !has_three_stars(text) && !has_segment(text, STR(".")) && !has_segment(text, STR(".."));
}

const char *pattern_check_path(struct str text)
{
    if (!fits(text) || text.data[0] != '/')
        return "a path from its first slash on, in which * and ** may stand, such as /release/**";
    if (!str_starts(text, STR("/v2/")) || str_eq(text, STR("/v2/")))
        return NULL;
    if (str_find(text, '%') < text.len)
        return "no escapes below /v2/, where paths are compared after they have been decoded";
    return has_segment(str_skip(text, 1), STR("")) ? "no empty segment below /v2/" : NULL;
}

const char *pattern_check_repository(struct str text)
{
    if (fits(text) && !has_segment(text, STR("")) && str_find(text, '%') == text.len)
        return NULL;
    return "a repository without slashes around it, in which * and ** may stand, such as team/**";
}

/* ── Which pattern leaves nothing to another ── */

/*
 * The inner pattern is matched as if it were a text: its wildcards are letters, which only
 * wildcards of the outer one match that stand for at least as much. '*' takes '*' and anything but
 * '/'; '**' takes all. A '**' that is a segment with another behind it (base/glob.h) stands for
 * segments, or none: it takes what ends with a '/', or with another such '**' and its '/'.
 */

static bool at(struct str s, size_t i, char c)
{
    return i < s.len && s.data[i] == c;
}

static bool is_any(struct str s, size_t i)
{
    return at(s, i, '*') && at(s, i + 1, '*');
}

static bool is_segments(struct str s, size_t i)
{
    return is_any(s, i) && (i == 0 || s.data[i - 1] == '/') && at(s, i + 2, '/');
}

/* Where the letter that begins at i ends: a byte, '*', '**', or '**' and its '/'. */
static size_t behind(struct str s, size_t i)
{
    return i + (is_segments(s, i) ? 3 : is_any(s, i) ? 2 : 1);
}

/* As far as matching has come, and where it goes on if what follows a wildcard does not match. */
struct place {
    size_t outer; /* behind the wildcard; 0: there is none */
    size_t inner;
};

/* A '*' takes one letter more: false if it must not. */
static bool grow_some(struct str inner, struct place *p)
{
    if (p->outer == 0 || p->inner == inner.len || inner.data[p->inner] == '/' ||
        is_any(inner, p->inner))
        return false;
    p->inner++;
    return true;
}

/* So does a '**', up to the end of a segment if it stands for segments. */
static bool grow_any(struct str inner, struct place *p, bool by_segments)
{
    if (p->outer == 0)
        return false;
    while (p->inner < inner.len) {
        size_t letter = p->inner;
        p->inner = behind(inner, letter);
        if (!by_segments || inner.data[letter] == '/' || is_segments(inner, letter))
            return true;
    }
    return false;
}

bool pattern_covers(struct str outer, struct str inner)
{
    struct place any = {0}, some = {0}, now = {0};
    bool by_segments = false;
    for (;;) {
        if (at(outer, now.outer, '*')) {
            bool all = is_any(outer, now.outer);
            if (all)
                by_segments = is_segments(outer, now.outer);
            now.outer = behind(outer, now.outer);
            *(all ? &any : &some) = now;
            if (all)
                some = (struct place){0};
        } else if (now.outer == outer.len && now.inner == inner.len) {
            return true;
        } else if (now.outer < outer.len && now.inner < inner.len && !at(inner, now.inner, '*') &&
                   outer.data[now.outer] == inner.data[now.inner]) {
            now.outer++;
            now.inner++;
        } else if (grow_some(inner, &some)) {
            now = some;
        } else if (grow_any(inner, &any, by_segments)) {
            some = (struct place){0};
            now = any;
        } else {
            return false;
        }
    }
}
