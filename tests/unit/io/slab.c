#include "io/slab.h"

#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

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

/* Items, of a page each, that are in memory. */
static size_t pages_of(const struct slab *s)
{
    static unsigned char in_memory[8192];
    size_t n = 0;
    assert_true(s->count <= sizeof(in_memory));
    assert_int_equal(mincore(s->memory, s->item * s->count, in_memory), 0);
    for (size_t i = 0; i < s->count; i++)
        n += in_memory[i] & 1;
    return n;
}

static void much_memory_goes_back_when_nothing_of_it_is_used(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    static char *item[MANY];
    struct slab s;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(slab_open(&s, page, MANY));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            item[i] = slab_take(&s);
            assert_non_null(item[i]);
            memset(item[i], 'x', page);
        }
        assert_null(slab_take(&s));
        for (int i = 0; i < MANY - 1; i++)
            slab_give(&s, item[i]);
        assert_int_equal(pages_of(&s), MANY);
        slab_give(&s, item[MANY - 1]);
        assert_int_equal(pages_of(&s), 0);
    }
    slab_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_distinct_and_aligned_and_as_many_as_said),
        cmocka_unit_test(what_is_given_back_is_taken_again_last_first),
        cmocka_unit_test(much_memory_goes_back_when_nothing_of_it_is_used),
        cmocka_unit_test(more_than_there_are_addresses_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
