#include "mirror/pace.h"

#include "check.h"

#define S INT64_C(1000000000)

static void without_a_bound_nobody_waits(void **state)
{
    struct pace p = {.cost = 0};
    (void)state;
    pace_set(&p, 0, S);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pace_take(&p, 1000, 5), 0);
}

static void turns_are_taken_one_after_the_other(void **state)
{
    struct pace p = {.cost = 0};
    (void)state;
    pace_set(&p, 10, S);
    for (int i = 0; i < 30; i++)
        assert_int_equal(pace_take(&p, 1, 7 * S), i * S / 10);
}

static void what_takes_more_makes_the_next_wait_longer(void **state)
{
    struct pace p = {.cost = 0};
    (void)state;
    pace_set(&p, 1000, S);
    assert_int_equal(pace_take(&p, 500, S), 0);
    assert_int_equal(pace_take(&p, 1, S), S / 2);
}

static void time_that_nobody_used_is_gone(void **state)
{
    struct pace p = {.cost = 0};
    (void)state;
    pace_set(&p, 1, S);
    assert_int_equal(pace_take(&p, 1, 0), 0);
    assert_int_equal(pace_take(&p, 1, 100 * S), 0);
    assert_int_equal(pace_take(&p, 1, 100 * S), S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_bound_nobody_waits),
        cmocka_unit_test(turns_are_taken_one_after_the_other),
        cmocka_unit_test(what_takes_more_makes_the_next_wait_longer),
        cmocka_unit_test(time_that_nobody_used_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
