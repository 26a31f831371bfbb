#include "questions.h"

#include <sys/resource.h>

/* What a store does; one server each, so that all can fail at the same time. */
enum behaviour { GOOD, HANGING, RESETTING, FAILING, STOPPED, MISSING };

struct shop {
    struct httpd *server;
    uint32_t number;
    atomic_int behaviour;
};

#define SHOPS 4
#define PATIENCE_MS 10000 /* for what takes a few seconds at most */

static struct shop shop[SHOPS];
static struct exist *exist;

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    struct shop *self = s->context;
    switch ((enum behaviour)atomic_load(&self->behaviour)) {
    case HANGING:
        return HTTPD_HANG;
    case RESETTING:
        return HTTPD_RESET;
    case FAILING:
        return httpd_status(r, 500);
    case MISSING:
        return httpd_status(r, 404);
    case GOOD:
    case STOPPED:
        break;
    }
    return httpd_status(r, 200);
}

static int setup(void **state)
{
    (void)state;
    exist = questions_new(&QUESTIONS_OPTIONS);
    for (unsigned i = 0; i < SHOPS; i++) {
        atomic_store(&shop[i].behaviour, GOOD);
        shop[i].server = httpd_start(site, &shop[i]);
        shop[i].number = questions_store(exist, shop[i].server);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    exist_free(exist);
    for (unsigned i = 0; i < SHOPS; i++)
        if (shop[i].server != NULL)
            httpd_stop(shop[i].server);
    return 0;
}

static void behave(struct shop *s, enum behaviour behaviour)
{
    atomic_store(&s->behaviour, (int)behaviour);
    if (behaviour == STOPPED) {
        httpd_stop(s->server);
        s->server = NULL;
    }
}

static void redirect(const struct shop *s, uint64_t n)
{
    const struct digest d = questions_digest(n);
    exist_redirected(exist, 0, s->number, &d);
}

static int requests(const struct shop *s)
{
    return atomic_load(&s->server->requests);
}

static void wait_for_requests(const struct shop *s, int n)
{
    for (int64_t began = clock_now(); requests(s) < n; usleep(2000))
        assert_true(clock_now() - began < PATIENCE_MS * CLOCK_MS);
}

/* That have come to the prober. */
static uint64_t answers(const struct shop *s)
{
    struct exist_store_stats stats;
    exist_stats_store(exist, s->number, &stats);
    return stats.heads[EXIST_PRESENT];
}

static bool is_down(const struct shop *s)
{
    return questions_is_down(exist, s->number);
}

static enum exist_state lookup(const struct shop *s, uint64_t n)
{
    return questions_lookup(exist, s->number, n);
}

static enum exist_state ask(const struct shop *s, uint64_t n)
{
    return questions_ask(exist, s->number, n);
}

static void three_errors_in_a_row_are_down(void **state)
{
    (void)state;
    struct shop *s = &shop[0];
    assert_int_equal(ask(s, 1), EXIST_PRESENT);
    behave(s, FAILING);
    ask(s, 2);
    ask(s, 3);
    behave(s, MISSING); /* alive: two errors are forgotten */
    ask(s, 4);
    behave(s, FAILING);
    ask(s, 5);
    ask(s, 6);
    assert_false(is_down(s));
    assert_int_equal(lookup(s, 1), EXIST_PRESENT);
    ask(s, 7);
    assert_true(is_down(s));
    assert_int_equal(lookup(s, 1), EXIST_DOWN);
    assert_int_equal(lookup(s, 99), EXIST_DOWN);
    assert_int_equal(lookup(&shop[1], 1), EXIST_MISS);
}

/* Takes all descriptors that this process may have. */
static int take_descriptors(int fd[static 512])
{
    struct rlimit limit = {256, 256};
    int n = 0;
    assert_int_equal(prlimit(0, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (n < 512 && (fd[n] = dup(0)) >= 0)
        n++;
    assert_in_range(n, 1, 511);
    return n;
}

static void want_of_descriptors_is_not_the_stores_fault(void **state)
{
    (void)state;
    int fd[512];
    struct exist_store_stats stats;
    assert_int_equal(ask(&shop[1], 1), EXIST_PRESENT); /* opens the library */
    int n = take_descriptors(fd);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(ask(&shop[0], i), EXIST_ERROR);
    while (n > 0)
        close(fd[--n]);
    exist_stats_store(exist, shop[0].number, &stats);
    assert_false(stats.down);
    assert_int_equal(stats.heads[EXIST_ERROR], 0);
    assert_int_equal(stats.heads[3], 5); /* not asked, for want of something here */
    assert_int_equal(ask(&shop[0], 0), EXIST_PRESENT);
}

static void take_down(struct shop *s)
{
    behave(s, FAILING);
    for (uint64_t i = 100; i < 103; i++)
        ask(s, i);
    assert_true(is_down(s));
}

static void a_store_that_is_down_is_tried_once_a_second(void **state)
{
    (void)state;
    struct shop *s = &shop[0];
    assert_int_equal(ask(s, 1), EXIST_PRESENT);
    take_down(s);
    int before = requests(s);
    int64_t began = clock_now();
    wait_for_requests(s, before + 4);
    assert_true(clock_now() - began > 2900 * CLOCK_MS); /* there are three seconds between four */
    assert_true(is_down(s));
    behave(s, GOOD);
    assert_int_not_equal(questions_wait_down(exist, s->number, false, PATIENCE_MS), -1);
    assert_int_equal(lookup(s, 1), EXIST_PRESENT); /* what was known counts again */
}

static void forbidden_and_missing_are_signs_of_life(void **state)
{
    (void)state;
    take_down(&shop[0]);
    behave(&shop[0], MISSING);
    assert_int_not_equal(questions_wait_down(exist, shop[0].number, false, PATIENCE_MS), -1);
}

static void questions_to_a_store_that_is_down_are_answered_at_once(void **state)
{
    (void)state;
    struct shop *s = &shop[0];
    take_down(s);
    behave(s, HANGING);
    int64_t began = clock_now();
    assert_int_equal(ask(s, 50), EXIST_DOWN);
    assert_int_equal(ask(&shop[1], 50), EXIST_PRESENT); /* and another store is not touched */
    assert_true(clock_now() - began < 4 * CLOCK_S);     /* a HEAD that hangs takes five */
}

static void who_waits_is_answered_when_the_store_goes_down(void **state)
{
    (void)state;
    static struct exist_waiter w[1000];
    struct shop *s = &shop[0];
    memset(w, 0, sizeof(w));
    behave(s, HANGING);
    int64_t began = clock_now();
    for (uint64_t i = 0; i < 1000; i++) {
        const struct digest d = questions_digest(i);
        assert_true(exist_ask(exist, 0, s->number, &(struct exist_object){.key = &d}, &w[i]));
    }
    for (unsigned i = 0; i < 1000; i++) {
        enum exist_state got = questions_next(exist);
        assert_true(got == EXIST_ERROR || got == EXIST_DOWN);
    }
    assert_in_range((clock_now() - began) / CLOCK_MS, 4500, 20000); /* one HEAD's limit, not 16 */
    assert_true(is_down(s));
}

static void a_store_that_clients_are_sent_to_is_watched(void **state)
{
    (void)state;
    struct shop *s = &shop[0];
    int64_t began = clock_now();
    assert_int_equal(ask(s, 1), EXIST_PRESENT);
    while (requests(s) < 3 && clock_now() - began < 3 * PATIENCE_MS * CLOCK_MS) {
        redirect(s, 1);
        usleep(10000);
    }
    assert_int_equal(requests(s), 3); /* after 5 and after 10 seconds */
    assert_true(clock_now() - began > 9 * CLOCK_S);
    assert_int_equal(requests(&shop[1]), 0);
}

static void a_store_that_was_emptied_is_asked_anew(void **state)
{
    (void)state;
    struct shop *s = &shop[0];
    assert_int_equal(ask(s, 1), EXIST_PRESENT);
    assert_int_equal(ask(s, 2), EXIST_PRESENT);
    assert_int_equal(ask(&shop[1], 2), EXIST_PRESENT);
    behave(s, MISSING);
    int64_t began = clock_now();
    while (lookup(s, 1) == EXIST_PRESENT && clock_now() - began < 2 * PATIENCE_MS * CLOCK_MS) {
        redirect(s, 1);
        usleep(10000);
    }
    assert_int_equal(lookup(s, 1), EXIST_ABSENT);
    assert_int_equal(lookup(s, 2), EXIST_MISS);
    assert_int_equal(lookup(&shop[1], 2), EXIST_PRESENT);
    assert_false(is_down(s));
}

/* Sends clients to all of them until each has been watched, then lets it fail just behind that:
 * the worst moment. */
static void fail_after_a_watch(const enum behaviour how[SHOPS], int64_t failed[SHOPS])
{
    uint64_t before[SHOPS];
    unsigned left = SHOPS;
    for (unsigned i = 0; i < SHOPS; i++) {
        assert_int_equal(ask(&shop[i], 1), EXIST_PRESENT);
        before[i] = answers(&shop[i]);
        failed[i] = 0;
    }
    for (int64_t began = clock_now(); left > 0 && clock_now() - began < 15 * CLOCK_S;) {
        usleep(1000);
        for (unsigned i = 0; i < SHOPS; i++) {
            redirect(&shop[i], 1);
            if (failed[i] != 0 || answers(&shop[i]) == before[i])
                continue;
            behave(&shop[i], how[i]);
            failed[i] = clock_now();
            left--;
        }
    }
    assert_int_equal(left, 0);
}

static void expect_all_down(const enum behaviour how[SHOPS], const int64_t failed[SHOPS],
                            bool redirected)
{
    static const char *const name[] = {"good", "hanging", "resetting", "failing", "stopped", ""};
    bool seen[SHOPS] = {false};
    for (unsigned left = SHOPS; left > 0; usleep(1000)) {
        for (unsigned i = 0; i < SHOPS; i++) {
            if (redirected)
                redirect(&shop[i], 1);
            if (seen[i])
                continue;
            int ms = (int)((clock_now() - failed[i]) / CLOCK_MS);
            if (ms >= 10000)
                fail_msg("a store that is %s is not down after 10 s", name[how[i]]);
            if (!is_down(&shop[i]))
                continue;
            print_message("a store that is %s is known to be down after %d ms\n", name[how[i]], ms);
            seen[i] = true;
            left--;
        }
    }
}

static const enum behaviour ways[SHOPS] = {HANGING, RESETTING, FAILING, STOPPED};

static void a_store_that_dies_with_a_full_cache_is_noticed_within_ten_seconds(void **state)
{
    (void)state;
    int64_t failed[SHOPS];
    fail_after_a_watch(ways, failed);
    expect_all_down(ways, failed, true);
}

static void it_is_noticed_even_if_no_client_came_after_its_death(void **state)
{
    (void)state;
    int64_t failed[SHOPS];
    fail_after_a_watch(ways, failed);
    expect_all_down(ways, failed, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(three_errors_in_a_row_are_down),
        TEST(want_of_descriptors_is_not_the_stores_fault),
        TEST(a_store_that_is_down_is_tried_once_a_second),
        TEST(forbidden_and_missing_are_signs_of_life),
        TEST(questions_to_a_store_that_is_down_are_answered_at_once),
        TEST(who_waits_is_answered_when_the_store_goes_down),
        TEST(a_store_that_clients_are_sent_to_is_watched),
        TEST(a_store_that_was_emptied_is_asked_anew),
        TEST(a_store_that_dies_with_a_full_cache_is_noticed_within_ten_seconds),
        TEST(it_is_noticed_even_if_no_client_came_after_its_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
