#include <archeio/str.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct str nothing = {NULL, 0};

static void equal_means_byte_for_byte(void **state)
{
    (void)state;
    assert_true(str_eq(STR("abc"), str_from("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_false(str_eq(STR("abc"), STR("ABC")));
    assert_true(str_eq(STR("a\0b"), str_make("a\0b", 3)));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq(nothing, STR("")));
}

static void only_the_case_of_ascii_letters_is_ignored(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR("X-Forwarded-For"), STR("x-forwarded-FOR")));
    assert_true(str_eq_nocase(STR("AZaz09"), STR("azAZ09")));
    assert_true(str_eq_nocase(nothing, STR("")));
    assert_false(str_eq_nocase(STR("abc"), STR("abcd")));
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_false(str_eq_nocase(STR("["), STR("{")));
    assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
    assert_false(str_eq_nocase(STR("a\r"), STR("a-")));
}

static void beginnings_and_ends_are_told(void **state)
{
    (void)state;
    struct str s = STR("/v2/name");
    assert_true(str_starts(s, STR("/v2/")));
    assert_true(str_starts(s, s));
    assert_true(str_starts(s, nothing));
    assert_false(str_starts(s, STR("/v3/")));
    assert_false(str_starts(STR("/v2"), STR("/v2/")));
    assert_true(str_ends(s, STR("name")));
    assert_true(str_ends(s, s));
    assert_true(str_ends(s, nothing));
    assert_false(str_ends(s, STR("Name")));
    assert_false(str_ends(STR("ame"), STR("name")));
    assert_true(str_eq(str_skip(s, 4), STR("name")));
    assert_int_equal(str_skip(s, s.len).len, 0);
}

static void texts_stand_in_the_order_of_their_bytes(void **state)
{
    static const struct str sorted[] = {STR_INIT(""),  STR_INIT("\0"),   STR_INIT("A"),
                                        STR_INIT("a"), STR_INIT("aa"),   STR_INIT("ab"),
                                        STR_INIT("b"), STR_INIT("\x7f"), STR_INIT("\x80")};
    const size_t n = sizeof(sorted) / sizeof(sorted[0]);
    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int order = str_compare(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    assert_int_equal(str_compare(nothing, STR("")), 0);
    assert_true(str_compare(nothing, STR("a")) < 0);
}

static void the_first_and_the_last_of_a_byte_are_found(void **state)
{
    (void)state;
    struct str s = STR("a,b,c");
    assert_int_equal(str_find(s, ','), 1);
    assert_int_equal(str_find_last(s, ','), 3);
    assert_int_equal(str_find(s, 'a'), 0);
    assert_int_equal(str_find_last(s, 'a'), 0);
    assert_int_equal(str_find(s, 'c'), 4);
    assert_int_equal(str_find_last(s, 'c'), 4);
    assert_int_equal(str_find(s, 'x'), s.len);
    assert_int_equal(str_find_last(s, 'x'), s.len);
    assert_int_equal(str_find(nothing, 'x'), 0);
    assert_int_equal(str_find_last(nothing, 'x'), 0);
    assert_int_equal(str_find(STR("ab\0c"), '\0'), 2);
    assert_int_equal(str_find_last(STR("a\xff"), '\xff'), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_means_byte_for_byte),
        cmocka_unit_test(only_the_case_of_ascii_letters_is_ignored),
        cmocka_unit_test(beginnings_and_ends_are_told),
        cmocka_unit_test(texts_stand_in_the_order_of_their_bytes),
        cmocka_unit_test(the_first_and_the_last_of_a_byte_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
