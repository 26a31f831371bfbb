#include "mirror/patience.h"

#include "check.h"

#define S INT64_C(1000000000)

static struct patience p;
static uint64_t moved;
static unsigned asked;

static int setup(void **state)
{
    (void)state;
    p = (struct patience){0};
    moved = asked = 0;
    return 0;
}

static uint64_t count(const void *owner)
{
    assert_ptr_equal(owner, &p);
    asked++;
    return moved;
}

/* So many seconds, in each of which so many bytes come. True: they were too few. */
static bool wait_for(unsigned seconds, uint64_t bytes, uint64_t least)
{
    for (unsigned i = 0; i < 10 * seconds; i++) {
        moved += i % 10 == 0 ? bytes : 0;
        if (patience_ends(&p, S / 10, count, &p, least))
            return true;
    }
    return false;
}

static void what_moves_a_kibibyte_a_second_may_go_on_for_ever(void **state)
{
    (void)state;
    assert_false(wait_for(24 * 3600, 1024, PATIENCE_BYTES));
    assert_int_equal(asked, 24 * 60); /* it is looked at by the minute */
}

static void what_drips_slower_ends_after_a_minute(void **state)
{
    (void)state;
    assert_false(wait_for(59, 1023, PATIENCE_BYTES));
    assert_true(wait_for(1, 1023, PATIENCE_BYTES));
}

static void what_was_fast_at_first_ends_a_minute_after_it_began_to_drip(void **state)
{
    (void)state;
    assert_false(wait_for(60, 1 << 20, PATIENCE_BYTES));
    assert_false(wait_for(59, 1, PATIENCE_BYTES));
    assert_true(wait_for(1, 1, PATIENCE_BYTES));
}

static void who_may_take_longer_has_to_show_a_byte(void **state)
{
    (void)state;
    assert_false(wait_for(59, 0, 1));
    assert_false(wait_for(1, 1, 1));
    assert_true(wait_for(60, 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_moves_a_kibibyte_a_second_may_go_on_for_ever, setup),
        cmocka_unit_test_setup(what_drips_slower_ends_after_a_minute, setup),
        cmocka_unit_test_setup(what_was_fast_at_first_ends_a_minute_after_it_began_to_drip, setup),
        cmocka_unit_test_setup(who_may_take_longer_has_to_show_a_byte, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
