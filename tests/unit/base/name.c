/* Names of clouds, regions and stores. */
#include "base/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void a_name_has_letters_digits_and_some_signs_and_does_not_begin_with_a_sign(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "Z", "0", "aws", "eu-west-3", "s3-me_central.1", "9-"};
    static const char *const bad[] = {"",    "-",   ".",   "_",   "-aws",     ".a",        "_a",
                                      "a/b", "a b", " a",  "a ",  "a\t",      "a:b",       "a\x7f",
                                      "a\n", "a*",  "a@b", "a[b", "\xc3\xa4", "a\xc3\xa4", "a`"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(name_check(str_from(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++)
        if (name_check(str_from(bad[i])) == NULL)
            fail_msg("\"%s\" is taken for a name", bad[i]);
    assert_non_null(name_check(str_make("a\0b", 3)));
}

static void a_name_is_as_long_as_it_may_be_and_no_longer(void **state)
{
    (void)state;
    char longest[NAME_LENGTH_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_null(name_check(str_make(longest, NAME_LENGTH_MAX)));
    assert_non_null(name_check(str_make(longest, NAME_LENGTH_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_letters_digits_and_some_signs_and_does_not_begin_with_a_sign),
        cmocka_unit_test(a_name_is_as_long_as_it_may_be_and_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
