#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void whole_decimal_numbers_up_to_the_limit_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max, value;
    } rows[] = {
        {"0", 0, 0},
        {"0", 5, 0},
        {"5", 5, 5},
        {"9", UINT64_MAX, 9},
        {"10", 10, 10},
        {"65535", 65535, 65535},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX},
        {"1844674407370955161", UINT64_MAX, 1844674407370955161U},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value = 77;
        assert_true(num_parse(str_from(rows[i].text), rows[i].max, &value));
        assert_int_equal(value, rows[i].value);
    }
}

static void anything_else_is_refused_and_leaves_the_result_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
    } rows[] = {
        {"", 9},
        {"1", 0},
        {"6", 5},
        {"11", 10},
        {"20", 19},
        {"00", 9},
        {"01", 9},
        {"+1", 9},
        {"-1", UINT64_MAX},
        {" 1", 9},
        {"1 ", 9},
        {"1a", 99},
        {"0x1", 99},
        {"1_0", 99},
        {"1.0", 99},
        {"65536", 65535},
        {"99999", 65535},
        {"1\xb2", 99},
        {":", 99},
        {"/", 99},
        {"18446744073709551616", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"184467440737095516150", UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value = 77;
        if (num_parse(str_from(rows[i].text), rows[i].max, &value))
            fail_msg("\"%s\" was read as %llu", rows[i].text, (unsigned long long)value);
        assert_int_equal(value, 77);
    }
    uint64_t value;
    assert_false(num_parse(str_make("1\0", 2), 99, &value));
}

static void sums_and_products_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    size_t out = 77;
    assert_false(num_add(SIZE_MAX, 1, &out));
    assert_false(num_mul(SIZE_MAX / 2 + 1, 2, &out));
    assert_int_equal(out, 77);
    assert_true(num_add(SIZE_MAX - 1, 1, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_true(num_mul(SIZE_MAX / 2, 2, &out));
    assert_int_equal(out, SIZE_MAX - 1);
    assert_true(num_mul(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
}

static void numbers_are_written_without_leading_zeros(void **state)
{
    (void)state;
    static const char *const texts[] = {"0", "7", "10", "4096", "18446744073709551615"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char out[NUM_TEXT_MAX];
        uint64_t value;
        assert_true(num_parse(str_from(texts[i]), UINT64_MAX, &value));
        assert_true(str_eq(str_make(out, num_format(value, out)), str_from(texts[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_decimal_numbers_up_to_the_limit_are_read),
        cmocka_unit_test(anything_else_is_refused_and_leaves_the_result_alone),
        cmocka_unit_test(sums_and_products_that_do_not_fit_are_refused),
        cmocka_unit_test(numbers_are_written_without_leading_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
