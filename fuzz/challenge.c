/*
 * WWW-Authenticate: the input is a field's value.
 *
 * What is taken is complete (Bearer has a realm, none has nothing) and no longer than what came;
 * written down in one way, it reads back as the same; neither a second reading of the line nor
 * another line behind it changes what was taken, unless for a better scheme.
 */
#include "fuzz.h"

#include "mirror/challenge.h"

static bool same(const struct challenge *a, const struct challenge *b)
{
    return a->scheme == b->scheme && strcmp(a->realm, b->realm) == 0 &&
           strcmp(a->service, b->service) == 0 && strcmp(a->scope, b->scope) == 0;
}

static size_t put(char *out, const char *name, const char *value)
{
    size_t n = (size_t)sprintf(out, "%s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            out[n++] = '\\';
        out[n++] = *at;
    }
    return n + (size_t)sprintf(out + n, "\",");
}

static void check_written(const struct challenge *c)
{
    static char line[8 * CHALLENGE_TEXT_MAX];
    struct challenge again = {.scheme = CHALLENGE_NONE};
    size_t n = (size_t)sprintf(line, "%s ", c->scheme == CHALLENGE_BASIC ? "basic" : "BEARER");
    n += put(line + n, "realm", c->realm);
    n += put(line + n, "service", c->service);
    n += put(line + n, "scope", c->scope);
    challenge_read(&again, str_make(line, n));
    FUZZ_CHECK(same(c, &again));
}

static void check_complete(const struct challenge *c, size_t size)
{
    bool nothing = c->realm[0] == '\0' && c->service[0] == '\0' && c->scope[0] == '\0';
    FUZZ_CHECK(strlen(c->realm) < size + 1 && strlen(c->realm) < CHALLENGE_TEXT_MAX);
    FUZZ_CHECK(strlen(c->service) < CHALLENGE_TEXT_MAX && strlen(c->scope) < CHALLENGE_TEXT_MAX);
    FUZZ_CHECK(c->scheme != CHALLENGE_NONE || nothing);
    FUZZ_CHECK(c->scheme != CHALLENGE_BEARER || c->realm[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct challenge c = {.scheme = CHALLENGE_NONE};
    char *line = fuzz_copy(data, size);
    challenge_read(&c, str_make(line, size));
    check_complete(&c, size);
    struct challenge again = c;
    challenge_read(&again, str_make(line, size));
    FUZZ_CHECK(same(&c, &again));
    challenge_read(&again, STR("Basic realm=\"other\""));
    FUZZ_CHECK(c.scheme == CHALLENGE_NONE ? again.scheme == CHALLENGE_BASIC : same(&c, &again));
    if (c.scheme != CHALLENGE_NONE)
        check_written(&c);
    free(line);
    return 0;
}
