/* Connections per client: the counts are exact, whoever comes and goes, in whatever order. */
#include "server/crowd.h"

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 32 /* a table of 64, the smallest: half full, it is all runs and collisions */
#define CLIENTS 48
#define STEPS 200000
#define THREADS 4

/* Client i: IPv4 addresses, and IPv6 ones that begin with the same bytes. */
static struct addr client(unsigned i)
{
    struct addr a = {.family = ADDR_V6};
    if (i % 3 == 0)
        return addr_from_v4((uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i});
    memcpy(a.bytes, (uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)(i / 3 * 3)}, 4);
    a.bytes[4] = (uint8_t)(i % 3);
    a.bytes[15] = (uint8_t)rand();
    return a;
}

static struct crowd opened(uint64_t connections)
{
    struct crowd c;
    assert_true(crowd_open(&c, connections));
    return c;
}

static void a_client_has_as_many_as_are_allowed_and_no_more(void **state)
{
    (void)state;
    struct crowd c = opened(CONNECTIONS);
    const struct addr one = check_addr("192.0.2.1"), other = check_addr("192.0.2.2");
    for (int i = 0; i < 3; i++)
        assert_true(crowd_enter(&c, &one, 3));
    assert_false(crowd_enter(&c, &one, 3));
    assert_true(crowd_enter(&c, &other, 3));
    crowd_leave(&c, &one);
    assert_true(crowd_enter(&c, &one, 3));
    assert_false(crowd_enter(&c, &one, 3));
    assert_true(crowd_enter(&c, &one, 4));
    crowd_close(&c);
}

static void an_ipv6_64_is_one_client_and_families_are_apart(void **state)
{
    (void)state;
    struct crowd c = opened(CONNECTIONS);
    const struct addr six = check_addr("c000:201::1"), same = check_addr("c000:201:0:0:ffff::2"),
                      next = check_addr("c000:201:0:1::1"), four = check_addr("192.0.2.1");
    assert_true(crowd_enter(&c, &six, 1));
    assert_false(crowd_enter(&c, &same, 1));
    assert_true(crowd_enter(&c, &next, 1));
    assert_true(crowd_enter(&c, &four, 1));
    crowd_leave(&c, &same);
    assert_true(crowd_enter(&c, &six, 1));
    crowd_close(&c);
}

static void who_has_no_address_is_not_counted(void **state)
{
    (void)state;
    struct crowd c = opened(CONNECTIONS);
    const struct addr nobody = {.family = ADDR_NONE};
    for (int i = 0; i < 1000; i++)
        assert_true(crowd_enter(&c, &nobody, 1));
    crowd_leave(&c, &nobody);
    crowd_close(&c);
}

static void closing_one_that_is_not_open_is_harmless(void **state)
{
    (void)state;
    struct crowd c = {0};
    crowd_close(&c);
}

static void counts_are_those_of_a_naive_list_whatever_the_order(void **state)
{
    (void)state;
    srand(7);
    for (int table = 0; table < 20;
         table++) { /* each with a seed of its own, so other collisions */
        struct crowd c = opened(CONNECTIONS);
        unsigned n[CLIENTS] = {0}, total = 0;
        for (int step = 0; step < STEPS / 20; step++) {
            unsigned i = (unsigned)rand() % CLIENTS, most = 1 + (unsigned)rand() % 4;
            struct addr a = client(i);
            if (rand() % 2 == 0 && total < CONNECTIONS) {
                bool entered = crowd_enter(&c, &a, most);
                assert_int_equal(entered, n[i] < most);
                n[i] += entered;
                total += entered;
            } else if (n[i] > 0) {
                crowd_leave(&c, &a);
                n[i]--;
                total--;
            }
        }
        for (unsigned i = 0; i < CLIENTS; i++) { /* what is left is what the list says */
            struct addr a = client(i);
            assert_false(crowd_enter(&c, &a, n[i]));
            for (; n[i] > 0; n[i]--)
                crowd_leave(&c, &a);
            assert_true(crowd_enter(&c, &a, 1));
            crowd_leave(&c, &a);
        }
        crowd_close(&c);
    }
}

/* ── Threads ── */

struct racer {
    pthread_t thread;
    struct crowd *crowd;
    unsigned seed;
    bool exceeded;
};

static atomic_uint inside[CLIENTS];

static void *race(void *argument)
{
    enum { MOST = 2 };
    struct racer *r = argument;
    for (int i = 0; i < STEPS / 10; i++) {
        unsigned k = (unsigned)rand_r(&r->seed) % (CONNECTIONS / THREADS);
        struct addr a = addr_from_v4((uint8_t[]){10, 0, 0, (uint8_t)k});
        if (!crowd_enter(r->crowd, &a, MOST))
            continue;
        r->exceeded |= atomic_fetch_add(&inside[k], 1) >= MOST;
        atomic_fetch_sub(&inside[k], 1);
        crowd_leave(r->crowd, &a);
    }
    return NULL;
}

static void threads_together_never_exceed_it_and_leave_nothing(void **state)
{
    (void)state;
    struct crowd c = opened(CONNECTIONS);
    struct racer racers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.crowd = &c, .seed = i};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_false(racers[i].exceeded);
    }
    for (unsigned k = 0; k < CONNECTIONS / THREADS; k++) {
        struct addr a = addr_from_v4((uint8_t[]){10, 0, 0, (uint8_t)k});
        assert_true(crowd_enter(&c, &a, 1));
    }
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_as_many_as_are_allowed_and_no_more),
        cmocka_unit_test(an_ipv6_64_is_one_client_and_families_are_apart),
        cmocka_unit_test(who_has_no_address_is_not_counted),
        cmocka_unit_test(closing_one_that_is_not_open_is_harmless),
        cmocka_unit_test(counts_are_those_of_a_naive_list_whatever_the_order),
        cmocka_unit_test(threads_together_never_exceed_it_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
