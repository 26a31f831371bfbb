#include "io/wheel.h"

#include "check.h"

#define SECOND 1000000000LL

/* Lets the clock run in steps and says when t expired; 0: it did not before `until`. */
static int64_t expiry(struct wheel *w, struct wheel_timer *t, int64_t from, int64_t until)
{
    for (int64_t now = from; now < until; now += WHEEL_TICK) {
        struct wheel_timer *expired = wheel_expire(w, now);
        if (expired == t)
            return now;
        assert_null(expired);
    }
    return 0;
}

static void a_timer_expires_once_within_two_ticks_of_its_deadline(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 5 * SECOND);
    struct wheel_timer t = {0};
    wheel_set(&w, &t, 7 * SECOND);
    int64_t at = expiry(&w, &t, 5 * SECOND, 20 * SECOND);
    assert_in_range(at, 7 * SECOND, 7 * SECOND + 2 * WHEEL_TICK);
    assert_int_equal(expiry(&w, &t, at, 200 * SECOND), 0);
}

static void a_deadline_beyond_the_wheel_is_kept(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 0);
    struct wheel_timer t = {0};
    wheel_set(&w, &t, 620 * SECOND);
    int64_t at = expiry(&w, &t, 0, 700 * SECOND);
    assert_in_range(at, 620 * SECOND, 620 * SECOND + 2 * WHEEL_TICK);
}

static void a_deadline_moves_away_and_nearer(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 0);
    struct wheel_timer t = {0};
    wheel_set(&w, &t, 3 * SECOND);
    wheel_set(&w, &t, 9 * SECOND);
    int64_t at = expiry(&w, &t, 0, 20 * SECOND);
    assert_in_range(at, 9 * SECOND, 9 * SECOND + 2 * WHEEL_TICK);
    wheel_set(&w, &t, 60 * SECOND);
    wheel_set(&w, &t, 12 * SECOND);
    at = expiry(&w, &t, at, 80 * SECOND);
    assert_in_range(at, 12 * SECOND, 12 * SECOND + 2 * WHEEL_TICK);
}

static void a_cancelled_timer_never_expires_and_its_neighbours_do(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 0);
    struct wheel_timer t[3] = {0};
    for (int i = 0; i < 3; i++)
        wheel_set(&w, &t[i], SECOND);
    wheel_cancel(&w, &t[1]);
    wheel_cancel(&w, &t[1]);
    int seen = 0;
    struct wheel_timer *expired;
    while ((expired = wheel_expire(&w, 5 * SECOND)) != NULL) {
        assert_ptr_not_equal(expired, &t[1]);
        seen++;
    }
    assert_int_equal(seen, 2);
    assert_int_equal(w.queued, 0);
}

/* Sleeps from one wheel_next() to the next until t expires; counts how often it woke. */
static int64_t sleep_until(struct wheel *w, const struct wheel_timer *t, int *woken)
{
    for (;;) {
        int64_t now = wheel_next(w);
        struct wheel_timer *expired;
        assert_int_not_equal(now, INT64_MAX);
        (*woken)++;
        while ((expired = wheel_expire(w, now)) != NULL)
            if (expired == t)
                return now;
    }
}

static void a_thread_that_sleeps_until_the_next_timer_is_in_time_and_seldom_wakes(void **state)
{
    (void)state;
    static const int64_t deadline[] = {0, 1, 99, 100, 101, 6399, 6400, 51100, 51200, 620000};
    for (size_t i = 0; i < sizeof(deadline) / sizeof(deadline[0]); i++)
        for (int64_t begun = 0; begun < 60 * SECOND; begun += 7 * SECOND / 3) {
            struct wheel w;
            wheel_init(&w, begun);
            struct wheel_timer t = {0};
            int64_t due = begun + deadline[i] * (SECOND / 1000);
            int woken = 0;
            wheel_set(&w, &t, due);
            assert_in_range(sleep_until(&w, &t, &woken), due, due + 2 * WHEEL_TICK);
            assert_in_range(woken, 1, 2 + deadline[i] / 50000);
            assert_int_equal(wheel_next(&w), INT64_MAX);
        }
}

static void a_timer_that_was_moved_or_cancelled_wakes_nobody_twice(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 0);
    struct wheel_timer t = {0}, other = {0};
    wheel_set(&w, &t, SECOND);
    wheel_set(&w, &other, SECOND);
    wheel_cancel(&w, &t);
    assert_in_range(wheel_next(&w), SECOND, SECOND + 2 * WHEEL_TICK);
    wheel_cancel(&w, &other);
    assert_int_equal(wheel_next(&w), INT64_MAX);
    wheel_set(&w, &t, SECOND);
    for (int64_t at = 0; at < SECOND; at += WHEEL_TICK)
        wheel_set(&w, &t, at + 30 * SECOND);
    int woken = 0;
    assert_in_range(sleep_until(&w, &t, &woken), 30 * SECOND, 32 * SECOND);
    assert_in_range(woken, 1, 3);
}

static void a_clock_that_jumps_misses_no_timer(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 0);
    static struct wheel_timer t[1000];
    for (int i = 0; i < 1000; i++)
        wheel_set(&w, &t[i], (i + 1) * SECOND / 3);
    int seen = 0;
    while (wheel_expire(&w, 5000 * SECOND) != NULL)
        seen++;
    assert_int_equal(seen, 1000);
}

static void a_deadline_in_the_past_expires_next(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, 100 * SECOND);
    struct wheel_timer t = {0};
    assert_null(wheel_expire(&w, 100 * SECOND));
    wheel_set(&w, &t, 50 * SECOND);
    assert_ptr_equal(wheel_expire(&w, 100 * SECOND + WHEEL_TICK), &t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_expires_once_within_two_ticks_of_its_deadline),
        cmocka_unit_test(a_deadline_beyond_the_wheel_is_kept),
        cmocka_unit_test(a_deadline_moves_away_and_nearer),
        cmocka_unit_test(a_cancelled_timer_never_expires_and_its_neighbours_do),
        cmocka_unit_test(a_thread_that_sleeps_until_the_next_timer_is_in_time_and_seldom_wakes),
        cmocka_unit_test(a_timer_that_was_moved_or_cancelled_wakes_nobody_twice),
        cmocka_unit_test(a_clock_that_jumps_misses_no_timer),
        cmocka_unit_test(a_deadline_in_the_past_expires_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
