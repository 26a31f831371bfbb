#include "mirror/sorter.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>

#define LEAST 65536

static uint64_t random_state;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t width_now;

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, width_now);
}

/* n strings, of which so many are different. */
static uint8_t *make(size_t width, size_t n, uint64_t different)
{
    uint8_t *item = calloc(n + 1, width);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = random_number() % different * 0x9e3779b97f4a7c15U;
        for (size_t k = 0; k < width; k++)
            item[i * width + k] = (uint8_t)(value >> 8 * (k % 8));
    }
    return item;
}

static void check_order(struct sorter *s, const uint8_t *sorted, size_t n, size_t width)
{
    int error;
    const uint8_t *got;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && memcmp(sorted + (i - 1) * width, sorted + i * width, width) == 0)
            continue;
        got = sorter_next(s, &error);
        assert_non_null(got);
        assert_memory_equal(got, sorted + i * width, width);
    }
    got = sorter_next(s, &error);
    assert_null(got);
    assert_int_equal(error, 0);
}

/* Twice to its end, and once to its middle in between. */
static void check_sorted(size_t width, size_t n, uint64_t different)
{
    int error;
    random_state = 88172645463325252U + n;
    uint8_t *item = make(width, n, different);
    struct sorter *s = sorter_new(width, LEAST);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(sorter_add(s, item + i * width), 0);
    width_now = width;
    qsort(item, n, width, compare);
    assert_int_equal(sorter_rewind(s), 0);
    check_order(s, item, n, width);
    assert_int_equal(sorter_rewind(s), 0);
    for (size_t i = 0; i < n / 3; i++)
        sorter_next(s, &error);
    assert_int_equal(sorter_rewind(s), 0);
    check_order(s, item, n, width);
    sorter_free(s);
    free(item);
}

static void what_fits_in_memory_comes_in_order_and_once(void **state)
{
    (void)state;
    check_sorted(32, 0, 1);
    check_sorted(32, 1, 1);
    check_sorted(32, 2, 1);
    check_sorted(64, 1000, 1 << 30);
    check_sorted(32, 1000, 100);
    check_sorted(32, LEAST / 32, 1 << 30);
}

static void what_does_not_comes_in_order_and_once_too(void **state)
{
    (void)state;
    check_sorted(32, LEAST / 32 + 1, 1 << 30);
    check_sorted(32, 10 * LEAST / 32, 1 << 30);
    check_sorted(32, 50000, 700);
    check_sorted(32, 10000, 1);
    check_sorted(64, 50000, 1 << 30);
    check_sorted(7, 300000, 1 << 20);
}

static void a_file_that_cannot_be_made_is_an_error(void **state)
{
    static const uint8_t item[32];
    int error = 0;
    (void)state;
    setenv("TMPDIR", "/nowhere", 1);
    struct sorter *s = sorter_new(32, LEAST);
    for (size_t i = 0; i < LEAST / 32 + 1 && error == 0; i++)
        error = sorter_add(s, item);
    assert_int_equal(error, ENOENT);
    sorter_free(s);
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_in_memory_comes_in_order_and_once),
        cmocka_unit_test(what_does_not_comes_in_order_and_once_too),
        cmocka_unit_test(a_file_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
