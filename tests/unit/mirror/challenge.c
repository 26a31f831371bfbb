#include "mirror/challenge.h"

#include "check.h"

#include <stdio.h>

static struct challenge read_one(const char *line)
{
    struct challenge c = {.scheme = CHALLENGE_NONE};
    challenge_read(&c, str_from(line));
    return c;
}

static void bearer_says_where_and_for_what(void **state)
{
    (void)state;
    struct challenge c = read_one("Bearer realm=\"https://auth.docker.io/token\","
                                  "service=\"registry.docker.io\","
                                  "scope=\"repository:library/a:pull,push\"");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "https://auth.docker.io/token");
    assert_string_equal(c.service, "registry.docker.io");
    assert_string_equal(c.scope, "repository:library/a:pull,push");
}

static void names_have_no_case_and_blanks_may_stand_around(void **state)
{
    (void)state;
    struct challenge c = read_one(" , bEARER  REALM = \"a \\\"b\\\\\" ,, Service=x , error=\"y\"");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "a \"b\\");
    assert_string_equal(c.service, "x");
    assert_string_equal(c.scope, "");
}

static void bearer_counts_before_basic_wherever_it_stands(void **state)
{
    (void)state;
    struct challenge c = read_one("Basic realm=\"b\", Bearer realm=\"t\", Negotiate abc");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "t");
    c = read_one("Bearer realm=\"t\", Basic realm=\"b\"");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "t");
    challenge_read(&c, STR("Basic realm=\"b\"")); /* a second line */
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    c = read_one("Digest realm=\"d\", nonce=\"n\", Basic realm=\"b\"");
    assert_int_equal(c.scheme, CHALLENGE_BASIC);
}

static void what_is_malformed_is_nothing(void **state)
{
    static const char *const lines[] = {
        "",
        ",",
        "Bearer",
        "Bearer realm",
        "Bearer realm=",
        "Bearer realm=\"",
        "Bearer realm=\"a",
        "Bearer realm=\"a\\",
        "Bearer service=\"a\"", /* no realm to go to */
        "=",
        "Bearer realm=\"\"",
        "Bearer realm=\"a\" service",
        "Bearer realm=\"a\" \"b\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (i != 11 && read_one(lines[i]).scheme != CHALLENGE_NONE)
            fail_msg("taken: %s", lines[i]);
    assert_int_equal(read_one(lines[11]).scheme, CHALLENGE_BEARER); /* a scheme follows */
}

static void a_text_that_is_too_long_makes_it_none(void **state)
{
    (void)state;
    char line[CHALLENGE_TEXT_MAX + 64];
    snprintf(line, sizeof(line), "Bearer realm=\"%0*d\"", CHALLENGE_TEXT_MAX - 1, 0);
    assert_int_equal(read_one(line).scheme, CHALLENGE_BEARER);
    snprintf(line, sizeof(line), "Bearer realm=\"%0*d\"", CHALLENGE_TEXT_MAX, 0);
    assert_int_equal(read_one(line).scheme, CHALLENGE_NONE);
    snprintf(line, sizeof(line), "Bearer realm=%0*d", CHALLENGE_TEXT_MAX, 0);
    assert_int_equal(read_one(line).scheme, CHALLENGE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bearer_says_where_and_for_what),
        cmocka_unit_test(names_have_no_case_and_blanks_may_stand_around),
        cmocka_unit_test(bearer_counts_before_basic_wherever_it_stands),
        cmocka_unit_test(what_is_malformed_is_nothing),
        cmocka_unit_test(a_text_that_is_too_long_makes_it_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
