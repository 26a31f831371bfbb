#include "mirror/pattern.h"

#include "check.h"

static void patterns_match_what_they_say(void **state)
{
    static const struct {
        const char *pattern;
        const char *name;
        bool matches;
    } rows[] = {
        {"", "", true},          {"", "a", false},
        {"a", "a", true},        {"a", "b", false},
        {"a", "ab", false},      {"*", "", true},
        {"*", "abc", true},      {"*", "a/b", false},
        {"**", "a/b", true},     {"a/*", "a/b", true},
        {"a/*", "a/b/c", false}, {"a/**", "a/b/c", true},
        {"a/**", "a", false},    {"?", "a", true},
        {"?", "", false},        {"?", "/", false},
        {"a*c", "abbc", true},   {"a*c", "abbd", false},
        {"v1.*", "v1.2", true},  {"v1.*", "v2.1", false},
        {"**/x", "a/b/x", true}, {"**/x", "x", true},
        {"a/**/x", "a/x", true}, {"*a*b*", "xaybz", true},
        {"[a]", "a", false},     {"*-amd64", "linux-amd64", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern_lists lists = {.include = &rows[i].pattern, .n_include = 1};
        if (pattern_admits(&lists, str_from(rows[i].name)) != rows[i].matches)
            fail_msg("%s and %s", rows[i].pattern, rows[i].name);
    }
}

static void exclusion_counts_before_inclusion(void **state)
{
    static const char *const in[] = {"a/*", "b"}, *const out[] = {"a/x"};
    struct pattern_lists lists = {in, 2, out, 1};
    (void)state;
    assert_true(pattern_admits(&lists, STR("a/y")));
    assert_true(pattern_admits(&lists, STR("b")));
    assert_false(pattern_admits(&lists, STR("a/x")));
    assert_false(pattern_admits(&lists, STR("c")));
    lists.n_include = 0;
    assert_true(pattern_admits(&lists, STR("c")));
    assert_false(pattern_admits(&lists, STR("a/x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_what_they_say),
        cmocka_unit_test(exclusion_counts_before_inclusion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
