#include "mirror/challenge.h"

/* What is left of the line. */
struct reader {
    struct str rest;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip(struct reader *r, bool commas)
{
    while (r->rest.len > 0 && (is_blank(r->rest.data[0]) || (commas && r->rest.data[0] == ',')))
        r->rest = str_skip(r->rest, 1);
}

static struct str take_token(struct reader *r)
{
    size_t n = 0;
    while (n < r->rest.len && is_token(r->rest.data[n]))
        n++;
    struct str token = str_make(r->rest.data, n);
    r->rest = str_skip(r->rest, n);
    return token;
}

static bool next_is(const struct reader *r, char c)
{
    return r->rest.len > 0 && r->rest.data[0] == c;
}

/* A token or a quoted string, without its quotes and backslashes. False: malformed, or too long. */
static bool take_value(struct reader *r, char out[CHALLENGE_TEXT_MAX])
{
    size_t n = 0;
    if (!next_is(r, '"')) {
        struct str token = take_token(r);
        if (token.len == 0 || token.len >= CHALLENGE_TEXT_MAX)
            return false;
        memcpy(out, token.data, token.len);
        out[token.len] = '\0';
        return true;
    }
    for (size_t i = 1; i < r->rest.len && n < CHALLENGE_TEXT_MAX; i++) {
        char c = r->rest.data[i];
        if (c == '"') {
            out[n] = '\0';
            r->rest = str_skip(r->rest, i + 1);
            return true;
        }
        if (c == '\\' && ++i == r->rest.len)
            return false;
        out[n++] = r->rest.data[i];
    }
    return false;
}

static void copy(char to[CHALLENGE_TEXT_MAX], const char *from)
{
    memcpy(to, from, strlen(from) + 1);
}

static void note_parameter(struct challenge *c, struct str name, const char *value)
{
    if (str_eq_nocase(name, STR("realm")))
        copy(c->realm, value);
    else if (str_eq_nocase(name, STR("service")))
        copy(c->service, value);
    else if (str_eq_nocase(name, STR("scope")))
        copy(c->scope, value);
}

/* name = value, as long as such follow. A token without '=' behind it is the next scheme. False:
 * the line is malformed from here on. */
static bool take_parameters(struct reader *r, struct challenge *c)
{
    char value[CHALLENGE_TEXT_MAX];
    for (;;) {
        skip(r, true);
        struct reader before = *r;
        struct str name = take_token(r);
        skip(r, false);
        if (name.len == 0)
            return r->rest.len == 0;
        if (!next_is(r, '=')) {
            *r = before;
            return true;
        }
        r->rest = str_skip(r->rest, 1);
        skip(r, false);
        if (!take_value(r, value))
            return false;
        note_parameter(c, name, value);
    }
}

static enum challenge_scheme scheme_of(struct str name)
{
    if (str_eq_nocase(name, STR("Bearer")))
        return CHALLENGE_BEARER;
    return str_eq_nocase(name, STR("Basic")) ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

void challenge_read(struct challenge *c, struct str value)
{
    struct reader r = {value};
    bool well = true;
    while (well) {
        struct challenge next = {.scheme = CHALLENGE_NONE};
        skip(&r, true);
        struct str name = take_token(&r);
        if (name.len == 0)
            return;
        next.scheme = scheme_of(name);
        well = take_parameters(&r, &next);
        bool usable = next.scheme == CHALLENGE_BASIC || next.realm[0] != '\0';
        if (well && usable && next.scheme > c->scheme)
            *c = next;
    }
}
