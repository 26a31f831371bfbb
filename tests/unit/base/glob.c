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

/* Exponential matchers do not come back from these. */
static void long_texts_that_almost_match_take_no_time(void **state)
{
    (void)state;
    char *text = malloc(LONG);
    memset(text, 'a', LONG);
    assert_false(glob_matches(STR("*a*a*a*a*a*a*a*a*a*a*b"), str_make(text, LONG)));
    for (size_t i = 1; i < LONG; i += 2)
        text[i] = '/';
    assert_false(glob_matches(STR("**/a/**/a/**/a/**/a*/**/a*a/b"), str_make(text, LONG)));
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
        cmocka_unit_test(long_texts_that_almost_match_take_no_time),
        cmocka_unit_test(the_literal_ends_at_the_first_wildcard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
