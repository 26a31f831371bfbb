#include "exist/ring.h"

#include "check.h"

#include <poll.h>
#include <pthread.h>

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void numbers_come_in_order_until_it_is_empty(void **state)
{
    (void)state;
    struct ring r = {0};
    uint32_t value;
    assert_true(ring_open(&r, 3));
    assert_false(ring_pop(&r, &value));
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_true(ring_push(&r, round * 10 + i));
        assert_false(ring_push(&r, 99));
        for (uint32_t i = 0; i < 4; i++) {
            assert_true(ring_pop(&r, &value));
            assert_int_equal(value, round * 10 + i);
        }
        assert_false(ring_pop(&r, &value));
    }
    ring_close(&r);
}

static void a_bell_stays_rung_until_somebody_looks(void **state)
{
    (void)state;
    struct ring_bell b = {0};
    assert_true(ring_bell_open(&b));
    assert_false(is_readable(b.fd));
    ring_bell_ring(&b);
    ring_bell_ring(&b);
    assert_true(is_readable(b.fd));
    ring_bell_quiet(&b);
    assert_false(is_readable(b.fd));
    ring_bell_ring(&b);
    assert_true(is_readable(b.fd));
    ring_bell_close(&b);
    ring_bell_close(&b);
}

#define MANY 200000

struct pair {
    struct ring ring;
    struct ring_bell bell;
};

static void *send_many(void *argument)
{
    struct pair *p = argument;
    for (uint32_t i = 0; i < MANY;) {
        if (ring_push(&p->ring, i))
            i++;
        ring_bell_ring(&p->bell);
    }
    return NULL;
}

static void no_number_is_lost_between_threads(void **state)
{
    (void)state;
    struct pair p = {0};
    pthread_t thread;
    assert_true(ring_open(&p.ring, 16));
    assert_true(ring_bell_open(&p.bell));
    assert_int_equal(pthread_create(&thread, NULL, send_many, &p), 0);
    for (uint32_t want = 0; want < MANY;) {
        struct pollfd fd = {.fd = p.bell.fd, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 10000), 1); /* it would sleep for ever otherwise */
        ring_bell_quiet(&p.bell);
        for (uint32_t got; ring_pop(&p.ring, &got); want++)
            assert_int_equal(got, want);
    }
    pthread_join(thread, NULL);
    ring_bell_close(&p.bell);
    ring_close(&p.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_in_order_until_it_is_empty),
        cmocka_unit_test(a_bell_stays_rung_until_somebody_looks),
        cmocka_unit_test(no_number_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
