#include "mirror/retry.h"

#include "check.h"

static void statuses_that_may_change_are_tried_again(void **state)
{
    static const long again[] = {408, 429, 499, 500, 502, 503, 504};
    static const long never[] = {0, 200, 307, 400, 401, 403, 404, 416, 501, 505, 599};
    (void)state;
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
        assert_true(retry_status(again[i]));
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_false(retry_status(never[i]));
}

static void retry_after_is_read_in_both_forms_and_bounded(void **state)
{
    const int64_t now = 1445412480; /* Wed, 21 Oct 2015 07:28:00 GMT */
    (void)state;
    assert_int_equal(retry_after("120", now), 120000);
    assert_int_equal(retry_after("0", now), 0);
    assert_int_equal(retry_after("86400", now), RETRY_AFTER_MAX);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:28:30 GMT", now), 30000);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now), 0);
    assert_int_equal(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now), RETRY_AFTER_MAX);
    assert_int_equal(retry_after(NULL, now), 0);
    assert_int_equal(retry_after("-1", now), 0);
    assert_int_equal(retry_after("soon", now), 0);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:28:30 GMT x", now), 0);
    assert_int_equal(retry_after("99999999999999999999", now), 0);
}

static void delays_double_up_to_a_limit_and_are_never_shorter_than_asked(void **state)
{
    static const int64_t limit[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    (void)state;
    for (unsigned attempt = 1; attempt <= 8; attempt++) {
        uint64_t all = (uint64_t)limit[attempt - 1] + 1;
        assert_int_equal(retry_delay(attempt, 0, 0), 0);
        assert_int_equal(retry_delay(attempt, 0, all - 1), limit[attempt - 1]);
        assert_int_equal(retry_delay(attempt, 0, all), 0);
    }
    assert_int_equal(retry_delay(1000000, 0, 30000), 30000);
    assert_int_equal(retry_delay(1, 77, 3), 77);
    assert_int_equal(retry_delay(1, 77, 400), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_that_may_change_are_tried_again),
        cmocka_unit_test(retry_after_is_read_in_both_forms_and_bounded),
        cmocka_unit_test(delays_double_up_to_a_limit_and_are_never_shorter_than_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
