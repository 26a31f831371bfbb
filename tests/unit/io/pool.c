#include "io/pool.h"

#include "check.h"

#include <string.h>

#define EACH 3

static void a_buffer_has_the_room_that_was_asked_for(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, POOL_SMALL, POOL_SMALL + 1, POOL_LARGE};
    struct pool p;
    assert_true(pool_open(&p, EACH, EACH));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *buffer = pool_take(&p, sizes[i]);
        assert_non_null(buffer);
        assert_int_equal(pool_size(&p, buffer), sizes[i] <= POOL_SMALL ? POOL_SMALL : POOL_LARGE);
        memset(buffer, 'x', pool_size(&p, buffer));
        pool_give(&p, buffer);
    }
    pool_close(&p);
}

static void each_size_has_an_end_and_what_is_given_back_is_there_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {POOL_SMALL, POOL_LARGE};
    char *taken[2][EACH];
    struct pool p;
    assert_true(pool_open(&p, EACH, EACH));
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < EACH; i++) {
            taken[k][i] = pool_take(&p, sizes[k]);
            assert_non_null(taken[k][i]);
            memset(taken[k][i], (int)(k * EACH + i), sizes[k]);
        }
    assert_null(pool_take(&p, 1));
    assert_null(pool_take(&p, POOL_LARGE));
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < EACH; i++) {
            for (size_t at = 0; at < sizes[k]; at++)
                assert_int_equal(taken[k][i][at], k * EACH + i); /* none overlaps another */
            pool_give(&p, taken[k][i]);
            assert_ptr_equal(pool_take(&p, sizes[k]), taken[k][i]);
        }
    pool_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_has_the_room_that_was_asked_for),
        cmocka_unit_test(each_size_has_an_end_and_what_is_given_back_is_there_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
