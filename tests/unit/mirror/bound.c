#include "mirror/bound.h"

#include "check.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)

static struct bound b;
static int64_t now;

static int setup(void **state)
{
    (void)state;
    now = 1000 * S;
    bound_begin(&b, 8, 64);
    return 0;
}

/* n answers while all places are used. */
static void answer(unsigned n, int64_t delay)
{
    for (unsigned i = 0; i < n; i++) {
        now += MS;
        bound_answer(&b, bound_places(&b), delay, now);
    }
}

/* As many as are under way at once. */
static void rounds(unsigned n, int64_t delay)
{
    for (unsigned i = 0; i < n; i++)
        answer(bound_places(&b), delay);
}

static void complain(void)
{
    now += 2 * MS;
    bound_complaint(&b, now - MS, now);
}

static void at_first_it_doubles_with_each_round_up_to_the_most(void **state)
{
    (void)state;
    assert_int_equal(bound_places(&b), 8);
    rounds(1, 5 * MS);
    assert_int_equal(bound_places(&b), 16);
    rounds(1, 5 * MS);
    assert_int_equal(bound_places(&b), 32);
    rounds(9, 5 * MS);
    assert_int_equal(bound_places(&b), 64);
}

static void a_complaint_halves_it_and_then_it_grows_by_one_a_round(void **state)
{
    (void)state;
    rounds(3, 5 * MS);
    complain();
    assert_int_equal(bound_places(&b), 32);
    for (unsigned i = 1; i <= 5; i++) {
        rounds(1, 5 * MS);
        assert_in_range(bound_places(&b), 32 + i - 1, 32 + i);
    }
}

static void complaints_of_what_was_under_way_together_are_one(void **state)
{
    int64_t begun = now;
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        bound_complaint(&b, begun - i * MS, now += 10 * MS);
    assert_int_equal(bound_places(&b), 4);
    bound_complaint(&b, now, now + MS); /* what was begun since is another */
    assert_int_equal(bound_places(&b), 2);
}

static void one_place_is_left_whatever_is_complained(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        complain();
    assert_int_equal(bound_places(&b), 1);
    answer(1, 0);
    assert_int_equal(bound_places(&b), 2);
}

static void it_holds_where_the_server_queues_what_is_more(void **state)
{
    (void)state;
    /* A server that does ten at once in 100 ms each, and lets the others wait. */
    for (unsigned i = 0; i < 4000; i++) {
        int64_t places = bound_places(&b);
        answer(1, places > 10 ? places * 10 * MS : 100 * MS);
    }
    /* Half a second of queue: sixty at once take 600 ms. */
    assert_in_range(bound_places(&b), 50, 61);
    /* Now it does only two at once. */
    for (unsigned i = 0; i < 4000; i++)
        answer(1, bound_places(&b) * INT64_C(50) * MS);
    assert_in_range(bound_places(&b), 9, 13);
}

static void delay_alone_leaves_four_places(void **state)
{
    (void)state;
    answer(1, 5 * MS);
    answer(5000, 30 * S);
    assert_int_equal(bound_places(&b), 4);
    complain();
    complain();
    assert_int_equal(bound_places(&b), 1);
    answer(50, 30 * S); /* it does not raise them either */
    assert_int_equal(bound_places(&b), 1);
}

static void single_slow_answers_say_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        answer(1, i % 4 == 0 ? 5 * MS : 10 * S);
    assert_int_equal(bound_places(&b), 64);
}

static void a_server_that_is_slow_by_nature_may_queue_as_long_as_it_takes(void **state)
{
    (void)state;
    answer(1, 4 * S);
    rounds(10, 5 * S);
    assert_int_equal(bound_places(&b), 64);
    answer(20000, 9 * S);
    assert_int_equal(bound_places(&b), 4);
}

static void after_ten_minutes_slower_is_how_it_is(void **state)
{
    (void)state;
    answer(1, 5 * MS);
    answer(1000, 2 * S);
    assert_int_equal(bound_places(&b), 4);
    for (unsigned i = 0; i < 3; i++) {
        now += 301 * S;
        answer(10, 2 * S);
    }
    rounds(70, 2 * S);
    assert_int_equal(bound_places(&b), 64);
}

static void what_is_not_used_does_not_grow(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        bound_answer(&b, 3, 5 * MS, now += MS);
    assert_int_equal(bound_places(&b), 8);
}

static void without_delays_only_complaints_count(void **state)
{
    (void)state;
    rounds(3, 0);
    assert_int_equal(bound_places(&b), 64);
    complain();
    assert_int_equal(bound_places(&b), 32);
}

static void there_is_always_a_place(void **state)
{
    (void)state;
    bound_begin(&b, 8, 0);
    assert_int_equal(bound_places(&b), 1);
    bound_begin(&b, 8, 3);
    assert_int_equal(bound_places(&b), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(at_first_it_doubles_with_each_round_up_to_the_most, setup),
        cmocka_unit_test_setup(a_complaint_halves_it_and_then_it_grows_by_one_a_round, setup),
        cmocka_unit_test_setup(complaints_of_what_was_under_way_together_are_one, setup),
        cmocka_unit_test_setup(one_place_is_left_whatever_is_complained, setup),
        cmocka_unit_test_setup(it_holds_where_the_server_queues_what_is_more, setup),
        cmocka_unit_test_setup(delay_alone_leaves_four_places, setup),
        cmocka_unit_test_setup(single_slow_answers_say_nothing, setup),
        cmocka_unit_test_setup(a_server_that_is_slow_by_nature_may_queue_as_long_as_it_takes,
                               setup),
        cmocka_unit_test_setup(after_ten_minutes_slower_is_how_it_is, setup),
        cmocka_unit_test_setup(what_is_not_used_does_not_grow, setup),
        cmocka_unit_test_setup(without_delays_only_complaints_count, setup),
        cmocka_unit_test_setup(there_is_always_a_place, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
