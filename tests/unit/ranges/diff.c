#include "ranges/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ranges *parse(const char *text)
{
    struct diag d = {0};
    struct ranges *r = ranges_parse("x.txt", text, strlen(text), &d);
    assert_non_null(r);
    return r;
}

static void assert_changed(const struct diff *d, size_t i, const char *cloud, const char *region,
                           unsigned added, unsigned removed)
{
    assert_true(i < d->n_places);
    assert_true(str_eq(d->place[i].cloud, str_from(cloud)));
    assert_true(str_eq(d->place[i].region, str_from(region)));
    assert_int_equal(d->place[i].added, added);
    assert_int_equal(d->place[i].removed, removed);
}

static void changes_are_counted_per_cloud_and_region(void **state)
{
    (void)state;
    struct ranges *before = parse("10.0.0.0/24 b x\n10.0.1.0/24 b x\n10.0.2.0/24 a\n"
                                  "10.0.3.0/24 c same\n");
    struct ranges *after = parse("10.0.0.0/24 b y\n10.0.1.0/24 b x\n10.0.3.0/24 c same\n"
                                 "10.0.4.0/24 b x\n2001:db8::/32 d\n");
    struct diff d = diff_ranges(before, after);
    assert_int_equal(d.n_places, 4);
    assert_changed(&d, 0, "a", "", 0, 1);
    assert_changed(&d, 1, "b", "x", 1, 1);
    assert_changed(&d, 2, "b", "y", 1, 0);
    assert_changed(&d, 3, "d", "", 1, 0);
    assert_int_equal(d.added, 3);
    assert_int_equal(d.removed, 2);
    diff_release(&d);
    ranges_free(before);
    ranges_free(after);
}

static void nothing_changes_from_a_set_to_itself(void **state)
{
    (void)state;
    struct ranges *r = parse("10.0.0.0/24 b x\n10.0.1.0/24 a\n");
    struct diff d = diff_ranges(r, r);
    assert_int_equal(d.n_places, 0);
    assert_int_equal(d.added + d.removed, 0);
    diff_release(&d);
    ranges_free(r);
}

static void from_nothing_everything_is_added(void **state)
{
    (void)state;
    struct ranges *r = parse("10.0.0.0/24 b x\n10.0.1.0/24 b x\n10.0.2.0/24 a\n");
    struct diff d = diff_ranges(NULL, r);
    assert_int_equal(d.n_places, 2);
    assert_changed(&d, 0, "a", "", 1, 0);
    assert_changed(&d, 1, "b", "x", 2, 0);
    diff_release(&d);
    ranges_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_counted_per_cloud_and_region),
        cmocka_unit_test(nothing_changes_from_a_set_to_itself),
        cmocka_unit_test(from_nothing_everything_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
