#include "sys/blocks.h"

#include "check.h"
#include "sys/sanitized.h"

#define KEEPS (!SANITIZED_ADDRESS) /* src/sys/blocks.c */

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    struct blocks b = {0};
    char *block[64];
    for (size_t i = 0; i < 64; i++) {
        block[i] = blocks_take(&b, i * 40);
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t)block[i] % 16, 0);
        memset(block[i], (int)i, i * 40);
    }
    for (size_t i = 0; i < 64; i++) {
        for (size_t at = 0; at < i * 40; at++)
            assert_int_equal(block[i][at], i);
        blocks_give(&b, block[i]);
    }
    blocks_release(&b);
}

static void one_that_is_given_back_is_the_next_as_large(void **state)
{
    (void)state;
    struct blocks b = {0};
    char *small = blocks_take(&b, 100), *large = blocks_take(&b, 900);
    blocks_give(&b, small);
    blocks_give(&b, large);
    assert_int_equal(b.bytes > 0, KEEPS);
    char *again_large = blocks_take(&b, 890), *again_small = blocks_take(&b, 98);
    assert_int_equal(b.bytes, 0);
    if (KEEPS) {
        assert_ptr_equal(again_small, small);
        assert_ptr_equal(again_large, large);
    }
    blocks_give(&b, again_small);
    blocks_give(&b, again_large);
    blocks_release(&b);
    assert_int_equal(b.bytes, 0);
}

static void a_block_may_be_given_elsewhere(void **state)
{
    (void)state;
    struct blocks b = {0}, other = {0};
    char *one = blocks_take(&b, 100), *none = blocks_take(NULL, 100);
    blocks_give(&other, one);
    assert_int_equal(other.bytes > 0, KEEPS);
    assert_int_equal(b.bytes, 0);
    blocks_give(&b, none);
    assert_int_equal(b.bytes, other.bytes);
    none = blocks_resize(NULL, blocks_take(&b, 100), 2000);
    assert_int_equal(b.bytes, 0);
    blocks_give(NULL, none);
    blocks_release(&b);
    blocks_release(&other);
}

static void no_more_is_kept_than_is_said(void **state)
{
    (void)state;
    enum { MANY = 4 * BLOCKS_KEPT / 512 };
    static char *block[MANY];
    struct blocks b = {0};
    for (size_t i = 0; i < MANY; i++)
        assert_non_null(block[i] = blocks_take(&b, 512));
    for (size_t i = 0; i < MANY; i++) {
        blocks_give(&b, block[i]);
        assert_true(b.bytes <= BLOCKS_KEPT);
    }
    assert_int_equal(b.bytes > BLOCKS_KEPT / 2, KEEPS);
    blocks_release(&b);
}

static void a_resized_block_holds_what_it_held(void **state)
{
    (void)state;
    struct blocks b = {0};
    char *data = blocks_resize(&b, NULL, 10);
    memcpy(data, "0123456789", 10);
    static const size_t size[] = {11, 200, 50, 5000, 100000, 10};
    for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
        data = blocks_resize(&b, data, size[i]);
        assert_non_null(data);
        assert_memory_equal(data, "0123456789", 10);
        memset(data + 10, 'x', size[i] - 10);
    }
    blocks_give(&b, data);
    blocks_give(&b, NULL);
    blocks_release(&b);
}

static void what_no_memory_could_hold_is_refused(void **state)
{
    (void)state;
    struct blocks b = {0};
    volatile size_t all = SIZE_MAX; /* the compiler would say so, too */
    char *data = blocks_take(&b, 100);
    assert_null(blocks_take(&b, all));
    assert_null(blocks_resize(&b, data, all));
    blocks_give(&b, data);
    blocks_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(one_that_is_given_back_is_the_next_as_large),
        cmocka_unit_test(a_block_may_be_given_elsewhere),
        cmocka_unit_test(no_more_is_kept_than_is_said),
        cmocka_unit_test(a_resized_block_holds_what_it_held),
        cmocka_unit_test(what_no_memory_could_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
