/* Patterns of routes: which are taken, and which leave nothing to which. */
#include "config/pattern.h"

#include "base/glob.h"

#include "chance.h"
#include "check.h"

static void patterns_of_paths_that_some_path_matches_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "/",
        "/**",
        "/*",
        "/release/**",
        "/a/*/b",
        "/a**b",
        "/%7Euser/*",
        "/a//b",
        "/v2/",
        "/v2/**",
        "/v2/team/**/manifests/*",
        "/!$&'()+,;=:@-._~",
        "/...",
        "/.well-known/x",
        "/v2%2F/x",
    };
    static const char *const bad[] = {
        "",      "release/**", "**",        "/a b",      "/a?b",   "/a#b",     "/%",
        "/%4",   "/%4g",       "/a***",     "/***/b",    "/../a",  "/a/..",    "/./a",
        "/a/./", "/a\\b",      "/\xc3\xa4", "/v2/a%3Ab", "/v2//a", "/v2/a//b", "/a\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (pattern_check_path(str_from(good[i])) != NULL)
            fail_msg("%s: expected %s", good[i], pattern_check_path(str_from(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (pattern_check_path(str_from(bad[i])) == NULL)
            fail_msg("%s was taken", bad[i]);
    assert_non_null(strstr(pattern_check_path(STR("/v2/a%3Ab")), "no escapes below /v2/"));
    assert_non_null(strstr(pattern_check_path(STR("/v2/a//b")), "no empty segment below /v2/"));
}

static void patterns_of_repositories_have_no_slashes_around_them(void **state)
{
    (void)state;
    static const char *const good[] = {"**",       "*",      "team",   "team/*",
                                       "**/pause", "a/**/b", "A.b_c-d"};
    static const char *const bad[] = {"",    "/team", "team/", "a//b", "a/../b", "a%2Fb",
                                      "a b", "a?",    "***",   ".",    "/",      "a/./b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(pattern_check_repository(str_from(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (pattern_check_repository(str_from(bad[i])) == NULL)
            fail_msg("%s was taken", bad[i]);
}

static void the_longest_pattern_is_of_1024_bytes(void **state)
{
    (void)state;
    char text[PATTERN_MAX + 1];
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    assert_null(pattern_check_path(str_make(text, PATTERN_MAX)));
    assert_non_null(pattern_check_path(str_make(text, PATTERN_MAX + 1)));
    text[0] = 'a';
    assert_null(pattern_check_repository(str_make(text, PATTERN_MAX)));
    assert_non_null(pattern_check_repository(str_make(text, PATTERN_MAX + 1)));
}

static void what_people_expect_to_be_covered_is(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"**", "team/app"},
        {"**", "team/**"},
        {"team/**", "team/app"},
        {"team/**", "team/*"},
        {"team/**", "team/a/**"},
        {"team/**", "team/**/x"},
        {"team/*", "team/app"},
        {"team/*", "team/app-*"},
        {"*", "app"},
        {"*/app", "team/app"},
        {"**/app", "app"},
        {"**/app", "a/b/app"},
        {"**/app", "**/app"},
        {"**/app", "team/**/app"},
        {"a/**/b", "a/b"},
        {"a/**/b", "a/x/**/b"},
        {"a/**/b", "a/*/b"},
        {"/**", "/v2/**"},
        {"/v2/**", "/v2/a/**/b"},
        {"a*c", "abc"},
        {"a*c", "a*bc"},
        {"a**c", "ab/**/bc"},
        {"*-*", "a-b"},
        {"**a", "b/**a"},
        {"**/a/**", "a/**"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!pattern_covers(str_from(rows[i][0]), str_from(rows[i][1])))
            fail_msg("%s does not cover %s", rows[i][0], rows[i][1]);
}

static void what_matches_more_is_not_covered(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"team/*", "team/**"}, {"team/app", "team/*"}, {"*", "**"},        {"*", "a/b"},
        {"team/**", "team"},   {"team/**", "team*"},   {"a/**/b", "a/**"}, {"**/b", "**b"},
        {"a/**/b", "a/**b"},   {"app-*", "app*"},      {"", "a"},          {"a", ""},
        {"*a", "*"},           {"/v2/*", "/v2/a/b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (pattern_covers(str_from(rows[i][0]), str_from(rows[i][1])))
            fail_msg("%s covers %s", rows[i][0], rows[i][1]);
}

/* A pattern of up to six pieces, without three stars in a row. */
static struct str random_pattern(char memory[16])
{
    static const char *const pieces[] = {"a", "b", "/", "*", "**", "**/", "/**/", "ab"};
    size_t len = 0;
    for (size_t n = 1 + chance_below(6); n > 0; n--) {
        const char *piece = pieces[chance_below(sizeof(pieces) / sizeof(pieces[0]))];
        if (len + strlen(piece) > 12 || (len > 0 && memory[len - 1] == '*' && piece[0] == '*'))
            continue;
        memcpy(memory + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return str_make(memory, len);
}

/* The number's digits to the base of three, as a text. */
static struct str nth_text(unsigned n, size_t len, char memory[8])
{
    for (size_t i = 0; i < len; i++, n /= 3)
        memory[i] = "ab/"[n % 3];
    return str_make(memory, len);
}

/* The first text that inner matches and outer does not. */
static bool find_counterexample(struct str outer, struct str inner, char memory[8], size_t *len)
{
    unsigned many = 1;
    for (*len = 0; *len <= 6; ++*len, many *= 3)
        for (unsigned n = 0; n < many; n++) {
            struct str text = nth_text(n, *len, memory);
            if (glob_matches(inner, text) && !glob_matches(outer, text))
                return true;
        }
    return false;
}

static void whatever_is_covered_matches_nothing_else(void **state)
{
    (void)state;
    size_t covered = 0;
    for (int i = 0; i < 40000; i++) {
        char a[16], b[16], text[8];
        size_t len;
        struct str outer = random_pattern(a), inner = random_pattern(b);
        if (!pattern_covers(outer, inner))
            continue;
        covered++;
        if (find_counterexample(outer, inner, text, &len))
            fail_msg("%.*s does not match %.*s, which %.*s does", (int)outer.len, outer.data,
                     (int)len, text, (int)inner.len, inner.data);
    }
    assert_true(covered > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_of_paths_that_some_path_matches_are_taken),
        cmocka_unit_test(patterns_of_repositories_have_no_slashes_around_them),
        cmocka_unit_test(the_longest_pattern_is_of_1024_bytes),
        cmocka_unit_test(what_people_expect_to_be_covered_is),
        cmocka_unit_test(what_matches_more_is_not_covered),
        cmocka_unit_test(whatever_is_covered_matches_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
