#include "io/slab.h"

#include "check.h"

static void items_are_distinct_and_aligned_and_as_many_as_said(void **state)
{
    (void)state;
    struct slab s;
    assert_true(slab_open(&s, 100, 3));
    char *item[3];
    for (int i = 0; i < 3; i++) {
        item[i] = slab_take(&s);
        assert_non_null(item[i]);
        assert_int_equal((uintptr_t)item[i] % 64, 0);
        memset(item[i], 'a' + i, 100);
    }
    assert_null(slab_take(&s));
    for (int i = 0; i < 3; i++)
        assert_int_equal(item[i][99], 'a' + i);
    slab_close(&s);
}

static void what_is_given_back_is_taken_again_last_first(void **state)
{
    (void)state;
    struct slab s;
    assert_true(slab_open(&s, 64, 2));
    char *a = slab_take(&s), *b = slab_take(&s);
    slab_give(&s, a);
    slab_give(&s, b);
    assert_int_equal(s.used, 0);
    assert_ptr_equal(slab_take(&s), b);
    assert_ptr_equal(slab_take(&s), a);
    assert_null(slab_take(&s));
    slab_close(&s);
    slab_close(&s);
}

static void more_than_there_are_addresses_is_refused(void **state)
{
    (void)state;
    struct slab s;
    assert_false(slab_open(&s, (size_t)1 << 40, (size_t)1 << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_distinct_and_aligned_and_as_many_as_said),
        cmocka_unit_test(what_is_given_back_is_taken_again_last_first),
        cmocka_unit_test(more_than_there_are_addresses_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
