#include "base/glob.h"

/* Where matching goes on if what follows a wildcard does not match: with the wildcard standing for
 * one byte, or one segment, more. */
struct retry {
    size_t pattern; /* behind the wildcard; 0: there is none */
    size_t text;
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

/* Lets the '**' stand for more: false if there is no more. */
static bool grow_any(struct str pattern, struct str text, struct retry *r)
{
    if (r->pattern == 0 || r->text >= text.len)
        return false;
    if (by_segments(pattern, r->pattern)) {
        r->text += str_find(str_skip(text, r->text), '/');
        if (r->text == text.len)
            return false;
    }
    r->text++;
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

bool glob_matches(struct str pattern, struct str text)
{
    struct retry any = {0}, some = {0};
    size_t p = 0, t = 0;
    for (;;) {
        if (at(pattern, p, '*')) {
            bool all = at(pattern, p + 1, '*');
            p = all ? behind_any(pattern, p) : p + 1;
            *(all ? &any : &some) = (struct retry){p, t};
            if (all) /* what a '*' before it stood for does not matter any more */
                some = (struct retry){0};
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
