#include "base/glob.h"

#include <stdint.h>

#define NOWHERE SIZE_MAX

/* Where matching goes on if what follows a wildcard does not match: with the wildcard standing for
 * one byte, or one segment, more. */
struct retry {
    size_t pattern; /* behind the wildcard; 0: there is none */
    size_t text;
    size_t star; /* of a '**': where in the text the first '*' behind it begins; NOWHERE: none */
};

static bool at(struct str s, size_t i, char c)
{
    return i < s.len && s.data[i] == c;
}

static bool begins_segment(struct str s, size_t i)
{
    return i == 0 || s.data[i - 1] == '/';
}

/* A '**' that is a segment of its own, with another behind it, ends where segments begin. */
static bool by_segments(struct str pattern, size_t behind)
{
    return behind > 2 && pattern.data[behind - 1] == '/' && pattern.data[behind - 2] == '*';
}

/* Lets the '**' stand for more: false if there is no more. If what follows came as far as a '*', no
 * beginning helps with which that '*' begins in the same segment: it could only stand for less of
 * it. That keeps long segments from being looked at once for each of their bytes. */
static bool grow_any(struct str pattern, struct str text, struct retry *r)
{
    if (r->pattern == 0)
        return false;
    size_t next = r->text + 1;
    if (r->star != NOWHERE) {
        size_t end = r->star + str_find(str_skip(text, r->star), '/');
        next += end - r->star;
    }
    if (next > text.len)
        return false;
    if (by_segments(pattern, r->pattern)) {
        next += str_find(str_skip(text, next - 1), '/');
        if (next > text.len)
            return false;
    }
    r->text = next;
    r->star = NOWHERE;
    return true;
}

static bool grow_some(struct str text, struct retry *r)
{
    if (r->pattern == 0 || r->text >= text.len || text.data[r->text] == '/')
        return false;
    r->text++;
    return true;
}

/* Behind the '**' at p; with the '/' that follows if it is a segment of its own. */
static size_t behind_any(struct str pattern, size_t p)
{
    return p + 2 + (begins_segment(pattern, p) && at(pattern, p + 2, '/') ? 1 : 0);
}

/* What stands behind the last wildcard ends the text, too: of patterns that begin with one, mostly
 * this tells already. The '/' of a '**' that is a segment may stand for none, with it. */
static bool ends_alike(struct str pattern, struct str text)
{
    size_t p = pattern.len, t = text.len;
    for (; p > 0 && pattern.data[p - 1] != '*'; p--, t--) {
        char c = pattern.data[p - 1];
        if (c == '/' && p > 1 && pattern.data[p - 2] == '*')
            return true;
        if (t == 0 || (c != text.data[t - 1] && (c != '?' || text.data[t - 1] == '/')))
            return false;
    }
    return true;
}

bool glob_matches(struct str pattern, struct str text)
{
    struct retry any = {0}, some = {0};
    size_t p = 0, t = 0;
    if (!ends_alike(pattern, text))
        return false;
    for (;;) {
        if (at(pattern, p, '*')) {
            bool all = at(pattern, p + 1, '*');
            p = all ? behind_any(pattern, p) : p + 1;
            *(all ? &any : &some) = (struct retry){p, t, NOWHERE};
            if (all) /* what a '*' before it stood for does not matter any more */
                some = (struct retry){0};
            else if (any.star == NOWHERE)
                any.star = t;
        } else if (p < pattern.len && t < text.len &&
                   (pattern.data[p] == text.data[t] ||
                    (pattern.data[p] == '?' && text.data[t] != '/'))) {
            p++;
            t++;
        } else if (p == pattern.len && t == text.len) {
            return true;
        } else if (grow_some(text, &some)) {
            p = some.pattern;
            t = some.text;
        } else if (grow_any(pattern, text, &any)) {
            some = (struct retry){0};
            p = any.pattern;
            t = any.text;
        } else {
            return false;
        }
    }
}

size_t glob_literal(struct str pattern)
{
    size_t n = 0;
    while (n < pattern.len && pattern.data[n] != '*' && pattern.data[n] != '?')
        n++;
    return n;
}
