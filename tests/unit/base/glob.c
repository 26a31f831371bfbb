#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LONG 8000

static const struct {
    const char *pattern;
    const char *text;
    bool matches;
} table[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"pause", "pause", true},
    {"pause", "pause2", false},
    {"pause", "paus", false},
    {"p?use", "pause", true},
    {"a?b", "a/b", false},
    {"*", "", true},
    {"*", "pause", true},
    {"*", "a/b", false},
    {"kube-*", "kube-proxy", true},
    {"kube-*", "kube-", true},
    {"kube-*", "kube-a/b", false},
    {"*-proxy", "kube-proxy", true},
    {"*-proxy", "kube-proxy-proxy", true},
    {"*-proxy", "kube-proxy-2", false},
    {"a*b*c", "aXbXbXc", true},
    {"a*b*c", "aXcXb", false},
    {"*/b", "a/b", true},
    {"*/b", "a/a/b", false},
    {"/release/*/bin", "/release/v1/bin", true},
    {"/release/*/bin", "/release/v1/x/bin", false},
    {"**", "", true},
    {"**", "a/b/c", true},
    {"a/**", "a/b", true},
    {"a/**", "a/b/c", true},
    {"a/**", "a/", true},
    {"a/**", "a", false},
    {"a/**", "ab/c", false},
    {"a**", "ab/c", true},
    {"**/b", "b", true},
    {"**/b", "a/b", true},
    {"**/b", "x/a/b", true},
    {"**/b", "ab", false},
    {"**/b", "a/bb", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "ab", false},
    {"a/**/b", "a/xb", false},
    {"a/**/b", "a/b/x", false},
    {"a/**/b*/c", "a/b1/b2/c", true},
    {"a/**/b*/c", "a/b1/x/c", false},
    {"**/x/*/y", "x/x/1/y", true},
    {"**/x/*/y", "x/1/2/y", false},
    {"**x", "a/b/x", true},
    {"**x", "a/b/xy", false},
    {"**a*b", "xa/ab", true},
    {"**a*b", "xa/b", false},
    {"a**b**c", "a/b/b/c/c", true},
    {"a**b**c", "a/c/b", false},
    {"***", "a/b", true},
    {"/**/**/x", "/x", true},
    {"/**/**/x", "/a/b/x", true},
};

static void texts_match_as_patterns_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        if (glob_matches(str_from(table[i].pattern), str_from(table[i].text)) != table[i].matches)
            fail_msg("%s on %s", table[i].pattern, table[i].text);
}

static void nothing_is_read_behind_the_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t n = strlen(table[i].pattern), m = strlen(table[i].text);
        char *pattern = malloc(n > 0 ? n : 1), *text = malloc(m > 0 ? m : 1);
        memcpy(pattern, table[i].pattern, n);
        memcpy(text, table[i].text, m);
        assert_true(glob_matches(str_make(pattern, n), str_make(text, m)) == table[i].matches);
        free(pattern);
        free(text);
    }
}

/* What base/glob.h says, word by word: every way in which a wildcard may stand for something. */
static bool matches_somehow(const char *begin, const char *pattern, const char *text)
{
    const bool any = pattern[0] == '*' && pattern[1] == '*';
    if (*pattern == '\0')
        return *text == '\0';
    if (any && (pattern == begin || pattern[-1] == '/') && pattern[2] == '/') {
        if (matches_somehow(begin, pattern + 3, text))
            return true;
        for (; *text != '\0'; text++)
            if (*text == '/' && matches_somehow(begin, pattern + 3, text + 1))
                return true;
        return false;
    }
    if (*pattern == '*') {
        for (;; text++) {
            if (matches_somehow(begin, pattern + (any ? 2 : 1), text))
                return true;
            if (*text == '\0' || (!any && *text == '/'))
                return false;
        }
    }
    if (*text == '\0' || (*pattern == '?' ? *text == '/' : *pattern != *text))
        return false;
    return matches_somehow(begin, pattern + 1, text + 1);
}

/* The n-th text over these letters, shortest first. */
static void spell(char *out, size_t n, const char *letters)
{
    const size_t base = strlen(letters);
    size_t len = 0, count = 1;
    for (; n >= count; count *= base, len++)
        n -= count;
    for (size_t i = 0; i < len; i++, n /= base)
        out[i] = letters[n % base];
    out[len] = '\0';
}

static void compare(const char *pattern, const char *text)
{
    if (glob_matches(str_from(pattern), str_from(text)) != matches_somehow(pattern, pattern, text))
        fail_msg("%s on %s", pattern, text);
}

static void every_short_pattern_matches_what_it_should(void **state)
{
    enum { PATTERNS = 1 + 4 + 16 + 64 + 256 + 1024, TEXTS = 1 + 3 + 9 + 27 + 81 + 243 };
    char pattern[8], text[8];
    (void)state;
    for (size_t i = 0; i < PATTERNS; i++) {
        spell(pattern, i, "*/ab");
        for (size_t j = 0; j < TEXTS; j++) {
            spell(text, j, "/ab");
            compare(pattern, text);
        }
    }
}

static void longer_patterns_do_so_too(void **state)
{
    char pattern[16], text[16];
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < 300000; i++) {
        size_t n = 0, m = 0;
        do {
            random = random * 1664525 + 1013904223; /* Numerical Recipes' generator */
            pattern[n++] = "**/?ab**"[random >> 29];
            text[m++] = "/aab"[random >> 27 & 3];
        } while (n < sizeof(pattern) - 1 && (random >> 20 & 15) != 0);
        pattern[n] = text[m] = '\0';
        compare(pattern, text);
    }
}

/* Exponential matchers do not come back from these, and quadratic ones take minutes. */
static void long_texts_that_almost_match_take_no_time(void **state)
{
    (void)state;
    char *text = malloc(LONG);
    memset(text, 'a', LONG);
    assert_false(glob_matches(STR("*a*a*a*a*a*a*a*a*a*a*b"), str_make(text, LONG)));
    for (size_t i = 0; i < 1000; i++)
        assert_false(glob_matches(STR("**a*b"), str_make(text, LONG)));
    for (size_t i = 1; i < LONG; i += 2)
        text[i] = '/';
    assert_false(glob_matches(STR("**/a/**/a/**/a/**/a*/**/a*a/b"), str_make(text, LONG)));
    for (size_t i = 0; i < 1000; i++)
        assert_false(glob_matches(STR("**a*/*b"), str_make(text, LONG)));
    free(text);
}

static void the_literal_ends_at_the_first_wildcard(void **state)
{
    (void)state;
    assert_int_equal(glob_literal(STR("")), 0);
    assert_int_equal(glob_literal(STR("pause")), 5);
    assert_int_equal(glob_literal(STR("kube-*")), 5);
    assert_int_equal(glob_literal(STR("a/**")), 2);
    assert_int_equal(glob_literal(STR("a?")), 1);
    assert_int_equal(glob_literal(STR("**")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_match_as_patterns_say),
        cmocka_unit_test(nothing_is_read_behind_the_ends),
        cmocka_unit_test(every_short_pattern_matches_what_it_should),
        cmocka_unit_test(longer_patterns_do_so_too),
        cmocka_unit_test(long_texts_that_almost_match_take_no_time),
        cmocka_unit_test(the_literal_ends_at_the_first_wildcard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
