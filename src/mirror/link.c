#include "mirror/link.h"

#include "base/buf.h"

/* ── The field ── */

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static struct str skip(struct str s, const char *set)
{
    while (s.len > 0 && is_one_of(s.data[0], set))
        s = str_skip(s, 1);
    return s;
}

/* Takes off the front what stands before one of the set. */
static struct str take(struct str *s, const char *set)
{
    size_t n = 0;
    while (n < s->len && !is_one_of(s->data[n], set))
        n++;
    struct str taken = str_make(s->data, n);
    *s = str_skip(*s, n);
    return taken;
}

/* A token, or what stands between quotes: relations need no backslash. Without the second quote it
 * is empty. */
static struct str take_value(struct str *s)
{
    if (s->len == 0 || s->data[0] != '"')
        return take(s, " \t;,");
    *s = str_skip(*s, 1);
    struct str value = take(s, "\"");
    if (s->len == 0)
        return *s;
    *s = str_skip(*s, 1);
    return value;
}

/* One of several relations, between blanks. */
static bool has_next(struct str relations)
{
    while ((relations = skip(relations, " \t")).len > 0)
        if (str_eq_nocase(take(&relations, " \t"), STR("next")))
            return true;
    return false;
}

/* ";name=value", as long as such follow. */
static bool take_parameters(struct str *s)
{
    bool next = false;
    for (*s = skip(*s, " \t"); s->len > 0 && s->data[0] == ';'; *s = skip(*s, " \t")) {
        *s = skip(str_skip(*s, 1), " \t");
        struct str name = take(s, " \t=;,");
        *s = skip(*s, " \t");
        if (s->len == 0 || s->data[0] != '=')
            continue;
        *s = skip(str_skip(*s, 1), " \t");
        struct str value = take_value(s);
        if (str_eq_nocase(name, STR("rel")))
            next = next || has_next(value);
    }
    return next;
}

bool link_next(struct str value, struct str *target)
{
    while ((value = skip(value, " \t,")).len > 0 && value.data[0] == '<') {
        value = str_skip(value, 1);
        *target = take(&value, ">");
        if (value.len == 0)
            return false;
        value = str_skip(value, 1);
        if (take_parameters(&value))
            return true;
        if (value.len > 0 && value.data[0] != ',')
            return false;
    }
    return false;
}

/* ── The target ── */

static bool is_url(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' || is_one_of(text.data[i], "\"#<>\\^`{|}"))
            return false;
    return text.len > 0;
}

static bool has_scheme(struct str text)
{
    size_t colon = str_find(text, ':');
    return colon < text.len && colon < str_find(text, '/') && colon < str_find(text, '?');
}

/* What a relative target is put behind. */
static struct str base_of(struct str origin, struct str url, struct str target)
{
    struct str path = str_make(url.data, str_find(url, '?'));
    if (target.data[0] == '/')
        return origin;
    if (target.data[0] == '?')
        return path;
    size_t slash = str_find_last(path, '/');
    return str_make(path.data, slash < path.len ? slash + 1 : path.len);
}

enum link_result link_resolve(struct str origin, struct str url, struct str target, char *out,
                              size_t size)
{
    struct buf b = buf_make(out, size);
    if (!is_url(target))
        return LINK_BAD;
    if (str_starts(target, STR("//")))
        buf_str(&b, str_make(origin.data, str_find(origin, '/')));
    else if (!has_scheme(target))
        buf_str(&b, base_of(origin, url, target));
    buf_str(&b, target);
    struct str whole = str_make(out, b.len);
    buf_char(&b, '\0');
    if (b.full)
        return LINK_BAD;
    if (whole.len <= origin.len || whole.data[origin.len] != '/')
        return LINK_ELSEWHERE;
    return str_eq_nocase(str_make(out, origin.len), origin) ? LINK_OK : LINK_ELSEWHERE;
}
