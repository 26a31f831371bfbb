/*
 * Patterns: the input is a pattern, a line feed, and a text.
 *
 * It matches as base/glob.h says, word by word: another matcher, which knows of every rest of the
 * pattern whether it matches every rest of the text, says the same. What matches begins with the
 * pattern's literal.
 */
#include "fuzz.h"

#include "base/glob.h"

#define LONGEST 1024

static bool is_at(struct str s, size_t i, char c)
{
    return i < s.len && s.data[i] == c;
}

/* Which rests of the text a rest of the pattern matches: row[j] is of that from j on. */
struct row {
    bool matches[LONGEST + 1];
};

static void literal(struct str text, char c, const struct row *behind, struct row *out)
{
    for (size_t j = 0; j <= text.len; j++) {
        bool same = j < text.len && (c == '?' ? text.data[j] != '/' : text.data[j] == c);
        out->matches[j] = same && behind->matches[j + 1];
    }
}

static void star(struct str text, bool any, const struct row *behind, struct row *out)
{
    for (size_t j = text.len + 1; j-- > 0;) {
        bool more = j < text.len && (any || text.data[j] != '/') && out->matches[j + 1];
        out->matches[j] = behind->matches[j] || more;
    }
}

/* The '**' stands for whole segments, and the '/' behind the last. */
static void segments(struct str text, const struct row *behind, struct row *out)
{
    bool later = false; /* behind a '/' from j on */
    for (size_t j = text.len + 1; j-- > 0;) {
        later = later || (is_at(text, j, '/') && behind->matches[j + 1]);
        out->matches[j] = behind->matches[j] || later;
    }
}

/* The wildcards are read from the left, so where they begin is found first. */
static size_t tokens(struct str pattern, size_t token[LONGEST])
{
    size_t n = 0;
    for (size_t i = 0; i < pattern.len;) {
        token[n++] = i;
        bool any = is_at(pattern, i, '*') && is_at(pattern, i + 1, '*');
        bool whole = any && (i == 0 || pattern.data[i - 1] == '/') && is_at(pattern, i + 2, '/');
        i += whole ? 3 : any ? 2 : 1;
    }
    return n;
}

static bool matches(struct str pattern, struct str text)
{
    static struct row row[2];
    size_t token[LONGEST], n = tokens(pattern, token), end = pattern.len;
    memset(row[n % 2].matches, 0, sizeof(row[0].matches));
    row[n % 2].matches[text.len] = true;
    for (; n > 0; n--) {
        const struct row *behind = &row[n % 2];
        struct row *out = &row[(n - 1) % 2];
        size_t begin = token[n - 1], size = end - begin;
        end = begin;
        if (pattern.data[begin] != '*')
            literal(text, pattern.data[begin], behind, out);
        else if (size == 3)
            segments(text, behind, out);
        else
            star(text, size == 2, behind, out);
    }
    return row[0].matches[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t first = end != NULL ? (size_t)(end - data) : size, second = size - first - (end != NULL);
    if (first > LONGEST || second > LONGEST)
        return 0;
    char *one = fuzz_copy(data, first), *two = fuzz_copy(data + (size - second), second);
    struct str pattern = str_make(one, first), text = str_make(two, second);
    bool match = glob_matches(pattern, text);
    FUZZ_CHECK(match == matches(pattern, text));
    FUZZ_CHECK(!match || str_starts(text, str_make(one, glob_literal(pattern))));
    free(one);
    free(two);
    return 0;
}
