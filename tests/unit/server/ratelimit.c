/* The limit per client: how much exactly it allows, to whom, in how much memory, and that nobody
 * pays for somebody else. Time is a number here, but where threads race. */
#include "server/ratelimit.h"

#include "sys/clock.h"

#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PER_SECOND 3600
#define START (1000 * CLOCK_S)
#define MANY 1000000
#define THREADS 4

/* IPv4 address number n. */
static struct addr numbered(uint32_t n)
{
    return addr_from_v4(
        (uint8_t[]){(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n});
}

static struct ratelimit opened(uint64_t memory)
{
    struct ratelimit r;
    assert_true(ratelimit_open(&r, memory));
    return r;
}

/* How many of n requests at one moment are allowed. */
static unsigned allowed(struct ratelimit *r, const struct ratelimit_rules *rules,
                        const struct addr *client, int64_t now, unsigned n)
{
    unsigned count = 0;
    while (n-- > 0)
        count += ratelimit_take(r, rules, client, now) == 0;
    return count;
}

/* ── How much ── */

static void a_quiet_client_may_send_a_burst_and_no_more(void **state)
{
    (void)state;
    static const uint32_t bursts[] = {1, 2, 7, 200};
    static const uint64_t rates[] = {1, 60, PER_SECOND, 50 * PER_SECOND, 1000000ULL * PER_SECOND};
    for (size_t b = 0; b < sizeof(bursts) / sizeof(bursts[0]); b++) {
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
            struct ratelimit r = opened(1 << 16);
            struct ratelimit_rules rules = ratelimit_rules(rates[i], bursts[b], NULL);
            struct addr a = check_addr("192.0.2.1");
            assert_int_equal(allowed(&r, &rules, &a, START, 1000), bursts[b]);
            int64_t rested = START + rules.window;
            assert_int_equal(allowed(&r, &rules, &a, rested, 1000), bursts[b]);
            ratelimit_close(&r);
        }
    }
}

static void a_client_that_sends_without_end_gets_its_rate_exactly(void **state)
{
    (void)state;
    static const uint64_t rates[] = {1, 3, 7, 50, 333, 1000};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct ratelimit r = opened(1 << 16);
        struct ratelimit_rules rules = ratelimit_rules(rates[i] * PER_SECOND, 10, NULL);
        struct addr a = check_addr("2001:db8::1");
        unsigned count = 0;
        const unsigned seconds = 100;
        for (int64_t at = 0; at < seconds * CLOCK_S; at += CLOCK_MS / 4)
            count += ratelimit_take(&r, &rules, &a, START + at) == 0;
        assert_in_range(count, 10 + rates[i] * seconds - 1, 10 + rates[i] * seconds);
        ratelimit_close(&r);
    }
}

static void what_is_refused_costs_nothing_and_says_when_to_come_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t rate;
        uint32_t wait;
    } rows[] = {{1, 3600}, {60, 60}, {PER_SECOND, 1}, {50 * PER_SECOND, 1}, {1800, 2}, {2400, 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ratelimit r = opened(1 << 16);
        struct ratelimit_rules rules = ratelimit_rules(rows[i].rate, 3, NULL);
        struct addr a = check_addr("192.0.2.1");
        assert_int_equal(allowed(&r, &rules, &a, START, 3), 3);
        for (int k = 0; k < 1000; k++)
            assert_int_equal(ratelimit_take(&r, &rules, &a, START), rows[i].wait);
        int64_t later = START + rows[i].wait * CLOCK_S;
        assert_true(ratelimit_take(&r, &rules, &a, START + rules.interval - 1) > 0);
        assert_int_equal(ratelimit_take(&r, &rules, &a, later), 0);
        ratelimit_close(&r);
    }
}

/* ── To whom ── */

static void a_client_is_an_ipv4_address_or_an_ipv6_64(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"2001:db8:0:1::1", "2001:db8:0:1:ffff::", true},
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"2001:db8:0:1::1", "2001:db9:0:1::1", false},
        {"::1", "::2", true},
        {"0.0.0.0", "::1", false},
        {"32.1.13.184", "2001:db8::", false}, /* the same four bytes */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ratelimit r = opened(1 << 20);
        struct ratelimit_rules rules = ratelimit_rules(PER_SECOND, 5, NULL);
        struct addr a = check_addr(rows[i].a), b = check_addr(rows[i].b);
        assert_int_equal(allowed(&r, &rules, &a, START, 9), 5);
        assert_int_equal(allowed(&r, &rules, &b, START, 9), rows[i].same ? 0 : 5);
        ratelimit_close(&r);
    }
}

static void exempt_prefixes_and_unknown_clients_are_not_limited(void **state)
{
    (void)state;
    struct lpm_entry entries[2] = {0};
    assert_int_equal(prefix_parse(STR("10.0.0.0/8"), &entries[0].prefix), PREFIX_OK);
    assert_int_equal(prefix_parse(STR("2001:db8::/48"), &entries[1].prefix), PREFIX_OK);
    void *scratch = malloc(lpm_scratch_size(2)), *image = malloc(lpm_image_bound(entries, 2));
    struct lpm exempt;
    size_t size = lpm_build(entries, 2, scratch, lpm_scratch_size(2), image);
    assert_null(lpm_open(&exempt, image, size));
    struct ratelimit r = opened(1 << 16);
    struct ratelimit_rules rules = ratelimit_rules(PER_SECOND, 2, &exempt);
    struct addr in = check_addr("10.1.2.3"), in6 = check_addr("2001:db8:0:7::1"), none = {0};
    struct addr out = check_addr("11.1.2.3"), out6 = check_addr("2001:db8:1::1");
    assert_int_equal(allowed(&r, &rules, &in, START, 100), 100);
    assert_int_equal(allowed(&r, &rules, &in6, START, 100), 100);
    assert_int_equal(allowed(&r, &rules, &none, START, 100), 100);
    assert_int_equal(allowed(&r, &rules, &out, START, 100), 2);
    assert_int_equal(allowed(&r, &rules, &out6, START, 100), 2);
    ratelimit_close(&r);
    free(scratch);
    free(image);
}

static void tighter_and_looser_rules_count_from_where_clients_are(void **state)
{
    (void)state;
    struct ratelimit r = opened(1 << 16);
    struct ratelimit_rules slow = ratelimit_rules(1, 100, NULL),
                           fast = ratelimit_rules(PER_SECOND, 5, NULL);
    struct addr a = check_addr("192.0.2.1"), b = check_addr("192.0.2.2");
    assert_int_equal(allowed(&r, &slow, &a, START, 200), 100); /* four days ahead */
    assert_int_equal(allowed(&r, &fast, &a, START, 9), 0);
    assert_int_equal(allowed(&r, &fast, &a, START + 5 * CLOCK_S, 9), 5);
    assert_int_equal(allowed(&r, &fast, &b, START, 9), 5);
    assert_int_equal(allowed(&r, &slow, &b, START, 200), 99); /* five seconds: not one request */
    ratelimit_close(&r);
}

static void clocks_that_differ_allow_no_more(void **state)
{
    (void)state;
    struct ratelimit r = opened(1 << 16);
    struct ratelimit_rules rules = ratelimit_rules(100 * PER_SECOND, 10, NULL);
    struct addr a = check_addr("192.0.2.1");
    unsigned count = 0;
    for (int i = 0; i < 1000; i++)
        count += ratelimit_take(&r, &rules, &a, START - (i % 2) * CLOCK_S / 2) == 0;
    assert_int_equal(count, 10);
    ratelimit_close(&r);
}

/* ── In how much memory ── */

static size_t resident(const struct ratelimit *r, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = bytes / page, count = 0;
    unsigned char *in = malloc(pages);
    assert_int_equal(mincore(r->sets, bytes, in), 0);
    for (size_t i = 0; i < pages; i++)
        count += in[i] & 1;
    free(in);
    return count * page;
}

static void memory_is_touched_as_it_fills_and_stays_bounded(void **state)
{
    (void)state;
    struct ratelimit r = opened(1 << 20);
    struct ratelimit_rules rules = ratelimit_rules(PER_SECOND, 2, NULL);
    assert_int_equal(resident(&r, 1 << 20), 0);
    for (uint32_t i = 0; i < 10; i++) {
        struct addr a = numbered(i);
        assert_int_equal(ratelimit_take(&r, &rules, &a, START), 0);
    }
    assert_in_range(resident(&r, 1 << 20), 1, 10 << 12);
    for (uint32_t i = 0; i < MANY; i++) {
        struct addr a = numbered(i);
        ratelimit_take(&r, &rules, &a, START);
    }
    assert_int_equal(resident(&r, 1 << 20), 1 << 20);
    assert_true(r.forgotten >= MANY - (1 << 20) / 16);
    ratelimit_close(&r);
}

static void the_least_memory_is_one_set(void **state)
{
    (void)state;
    struct ratelimit r = opened(0);
    struct ratelimit_rules rules = ratelimit_rules(PER_SECOND, 3, NULL);
    assert_int_equal(r.n_sets, 1);
    for (uint32_t i = 0; i < 4; i++) {
        struct addr a = numbered(i);
        assert_int_equal(allowed(&r, &rules, &a, START, 9), 3);
    }
    assert_int_equal(r.forgotten, 0);
    for (uint32_t i = 0; i < 4; i++) {
        struct addr a = numbered(i);
        assert_int_equal(allowed(&r, &rules, &a, START, 9), 0);
    }
    ratelimit_close(&r);
}

static void clients_whose_time_has_passed_make_room_first(void **state)
{
    (void)state;
    struct ratelimit r = opened(0);
    struct ratelimit_rules rules = ratelimit_rules(PER_SECOND, 3, NULL);
    struct addr old = numbered(0), busy = numbered(1);
    allowed(&r, &rules, &old, START, 3);
    int64_t later = START + 60 * CLOCK_S;
    allowed(&r, &rules, &busy, later, 3);
    for (uint32_t i = 2; i < 5; i++) {
        struct addr a = numbered(i);
        assert_int_equal(allowed(&r, &rules, &a, later, 9), 3);
    }
    assert_int_equal(r.forgotten, 0);
    assert_int_equal(allowed(&r, &rules, &busy, later, 9), 0);
    ratelimit_close(&r);
}

/* Whoever has used most is remembered longest: many addresses do not wash a limit away. */
static void a_client_at_its_limit_is_not_forgotten_for_newcomers(void **state)
{
    (void)state;
    struct ratelimit r = opened(1 << 16);
    struct ratelimit_rules rules = ratelimit_rules(PER_SECOND, 100, NULL);
    struct addr heavy = check_addr("198.51.100.1");
    assert_int_equal(allowed(&r, &rules, &heavy, START, 200), 100);
    for (uint32_t i = 0; i < MANY; i++) {
        struct addr a = numbered(i);
        assert_int_equal(ratelimit_take(&r, &rules, &a, START), 0);
    }
    assert_int_equal(allowed(&r, &rules, &heavy, START, 200), 0);
    ratelimit_close(&r);
}

static void no_number_of_attackers_makes_an_innocent_client_wait(void **state)
{
    (void)state;
    struct ratelimit r = opened(1 << 16); /* for 4096 clients */
    struct ratelimit_rules rules = ratelimit_rules(50 * PER_SECOND, 3, NULL);
    int64_t now = START;
    for (uint32_t i = 0; i < MANY; i++) {
        struct addr attacker = numbered(i);
        allowed(&r, &rules, &attacker, now, 6);
        if (i % 1000 != 0)
            continue;
        /* One of 16 comes each time, so each every 32 ms; every 20 ms are allowed. */
        struct addr innocent = numbered(0xc0000200 + i / 1000 % 16);
        assert_int_equal(ratelimit_take(&r, &rules, &innocent, now), 0);
        now += 2 * CLOCK_MS;
    }
    assert_true(r.forgotten > MANY / 2);
    ratelimit_close(&r);
}

/* ── Threads ── */

struct racer {
    pthread_t thread;
    struct ratelimit *limit;
    const struct ratelimit_rules *rules;
    uint32_t first, clients; /* whom it is, in turn */
    unsigned tries;
    unsigned allowed;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    for (unsigned i = 0; i < r->tries; i++) {
        struct addr a = numbered(r->first + i % r->clients);
        r->allowed += ratelimit_take(r->limit, r->rules, &a, START) == 0;
    }
    return NULL;
}

static unsigned run(struct racer *racers, unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    for (unsigned i = 0; i < n; i++) {
        pthread_join(racers[i].thread, NULL);
        sum += racers[i].allowed;
    }
    return sum;
}

static void threads_together_allow_a_client_its_burst_exactly(void **state)
{
    (void)state;
    struct ratelimit_rules rules = ratelimit_rules(1, 20000, NULL);
    struct ratelimit r = opened(1 << 20);
    struct racer racers[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.limit = &r, .rules = &rules, .clients = 1, .tries = 20000};
    assert_int_equal(run(racers, THREADS), 20000);
    ratelimit_close(&r);
}

static void threads_together_allow_many_new_clients_their_bursts(void **state)
{
    (void)state;
    struct ratelimit_rules rules = ratelimit_rules(1, 8, NULL);
    struct ratelimit r = opened(16 << 20);
    struct racer racers[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        racers[i] =
            (struct racer){.limit = &r, .rules = &rules, .clients = 5000, .tries = 5 * 5000};
    assert_int_equal(run(racers, THREADS), 8 * 5000);
    ratelimit_close(&r);
}

/* A table so small that every entry changes hands all the time: whoever is below its limit is
 * allowed whatever the others do. */
static void threads_that_fight_for_entries_make_nobody_wait(void **state)
{
    (void)state;
    struct ratelimit_rules rules = ratelimit_rules(1, 1000, NULL);
    struct ratelimit r = opened(0);
    struct racer racers[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.limit = &r,
                                   .rules = &rules,
                                   .first = i << 16,
                                   .clients = i == 0 ? 50 : 7 + i,
                                   .tries = i == 0 ? 50 * 1000 : 100000};
    run(racers, THREADS);
    assert_int_equal(racers[0].allowed, racers[0].tries);
    ratelimit_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_client_may_send_a_burst_and_no_more),
        cmocka_unit_test(a_client_that_sends_without_end_gets_its_rate_exactly),
        cmocka_unit_test(what_is_refused_costs_nothing_and_says_when_to_come_back),
        cmocka_unit_test(a_client_is_an_ipv4_address_or_an_ipv6_64),
        cmocka_unit_test(exempt_prefixes_and_unknown_clients_are_not_limited),
        cmocka_unit_test(tighter_and_looser_rules_count_from_where_clients_are),
        cmocka_unit_test(clocks_that_differ_allow_no_more),
        cmocka_unit_test(memory_is_touched_as_it_fills_and_stays_bounded),
        cmocka_unit_test(the_least_memory_is_one_set),
        cmocka_unit_test(clients_whose_time_has_passed_make_room_first),
        cmocka_unit_test(a_client_at_its_limit_is_not_forgotten_for_newcomers),
        cmocka_unit_test(no_number_of_attackers_makes_an_innocent_client_wait),
        cmocka_unit_test(threads_together_allow_a_client_its_burst_exactly),
        cmocka_unit_test(threads_together_allow_many_new_clients_their_bursts),
        cmocka_unit_test(threads_that_fight_for_entries_make_nobody_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
