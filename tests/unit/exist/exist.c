#include "questions.h"

static struct httpd *server;
static struct exist *exist;
static uint32_t store;

static atomic_int status = 200; /* of every answer */
static atomic_int delay_ms;
static atomic_int at_once, most_at_once;
static atomic_bool hang;

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    int now = atomic_fetch_add(&at_once, 1) + 1;
    for (int most = atomic_load(&most_at_once);
         now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now);)
        ;
    usleep((useconds_t)atomic_load(&delay_ms) * 1000);
    atomic_fetch_sub(&at_once, 1);
    if (atomic_load(&hang))
        return HTTPD_HANG;
    return httpd_status(r, atomic_load(&status));
}

static int setup_with(const struct exist_options *options)
{
    atomic_store(&status, 200);
    atomic_store(&delay_ms, 0);
    atomic_store(&at_once, 0);
    atomic_store(&most_at_once, 0);
    atomic_store(&hang, false);
    server = httpd_start(site, NULL);
    exist = questions_new(options);
    store = questions_store(exist, server);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(&QUESTIONS_OPTIONS);
}

static int teardown(void **state)
{
    (void)state;
    exist_free(exist);
    httpd_stop(server);
    return 0;
}

static uint64_t heads(unsigned result)
{
    struct exist_store_stats stats;
    exist_stats_store(exist, store, &stats);
    return stats.heads[result];
}

static void an_answer_is_remembered(void **state)
{
    (void)state;
    assert_int_equal(questions_lookup(exist, store, 1), EXIST_MISS);
    assert_int_equal(questions_ask(exist, store, 1), EXIST_PRESENT);
    assert_int_equal(questions_lookup(exist, store, 1), EXIST_PRESENT);
    atomic_store(&status, 404);
    assert_int_equal(questions_ask(exist, store, 2), EXIST_ABSENT);
    assert_int_equal(questions_lookup(exist, store, 2), EXIST_ABSENT);
    atomic_store(&status, 500);
    assert_int_equal(questions_ask(exist, store, 3), EXIST_ERROR);
    assert_int_equal(questions_lookup(exist, store, 3), EXIST_ERROR);
    assert_int_equal(questions_ask(exist, store, 1), EXIST_PRESENT); /* known: no HEAD */
    assert_int_equal(server->requests, 3);
}

static void sha512_digests_are_asked_for_and_remembered(void **state)
{
    (void)state;
    struct digest d = {.algorithm = DIGEST_SHA512, .size = 64, .bytes = {1, 2, 3}};
    assert_int_equal(questions_ask_digest(exist, store, &d), EXIST_PRESENT);
    assert_int_equal(exist_lookup(exist, 0, store, &d, clock_coarse()), EXIST_PRESENT);
    d.bytes[63] = 1;
    assert_int_equal(exist_lookup(exist, 0, store, &d, clock_coarse()), EXIST_MISS);
}

static void stores_keep_their_numbers_and_do_not_share(void **state)
{
    (void)state;
    uint32_t other = exist_store(exist, STR("http://127.0.0.1:1/other/"));
    assert_int_equal(exist_store(exist, STR("http://127.0.0.1:1/other/")), other);
    assert_int_equal(questions_store(exist, server), store);
    assert_int_not_equal(other, store);
    questions_ask(exist, store, 1);
    assert_int_equal(questions_lookup(exist, other, 1), EXIST_MISS);
    assert_int_equal(questions_ask(exist, other, 1), EXIST_ERROR);
    struct exist_stats stats;
    exist_stats(exist, &stats);
    assert_int_equal(stats.n_stores, 2);
}

static void there_is_a_most_of_stores_and_of_their_urls(void **state)
{
    (void)state;
    static char url[5000];
    memset(url, 'x', sizeof(url));
    assert_int_equal(exist_store(exist, str_make(url, sizeof(url))), UINT32_MAX);
    uint32_t last = store;
    for (unsigned i = 0; i < 10000; i++) {
        int n = snprintf(url, sizeof(url), "http://127.0.0.1:1/%u/", i);
        uint32_t number = exist_store(exist, str_make(url, (size_t)n));
        if (number == UINT32_MAX)
            break;
        last = number;
    }
    assert_in_range(last, 4096, 9000);
    assert_int_equal(questions_store(exist, server), store);
    assert_int_equal(questions_ask(exist, store, 1), EXIST_PRESENT);
}

static void ten_thousand_waiters_are_one_head(void **state)
{
    (void)state;
    static struct exist_waiter w[10000];
    const struct digest d = questions_digest(1);
    memset(w, 0, sizeof(w));
    atomic_store(&delay_ms, 50);
    for (size_t i = 0; i < 10000; i++)
        assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &d}, &w[i]));
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(questions_next(exist), EXIST_PRESENT);
    }
    assert_null(exist_collect(exist, 0));
    assert_int_equal(server->requests, 1);
}

static void a_head_goes_on_when_nobody_waits_any_more(void **state)
{
    (void)state;
    const struct digest d = questions_digest(1);
    struct exist_waiter w = {0};
    atomic_store(&delay_ms, 50);
    assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &d}, &w));
    exist_cancel(&w);
    for (int i = 0; i < 200 && questions_lookup(exist, store, 1) == EXIST_MISS; i++)
        usleep(10000);
    assert_int_equal(questions_lookup(exist, store, 1), EXIST_PRESENT);
    assert_null(exist_collect(exist, 0));
}

static int setup_small(void **state)
{
    (void)state;
    struct exist_options options = QUESTIONS_OPTIONS;
    options.store_requests = 4;
    options.queue = 16;
    return setup_with(&options);
}

static void a_store_is_asked_so_many_questions_at_once(void **state)
{
    (void)state;
    struct exist_waiter w[12] = {0};
    atomic_store(&delay_ms, 30);
    for (uint64_t i = 0; i < 12; i++) {
        const struct digest d = questions_digest(i);
        assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &d}, &w[i]));
    }
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(questions_next(exist), EXIST_PRESENT);
    }
    assert_int_equal(most_at_once, 4);
}

static void beyond_the_queue_nobody_waits_and_nothing_is_remembered(void **state)
{
    (void)state;
    struct exist_waiter w[17] = {0};
    unsigned n[EXIST_STATES] = {0};
    atomic_store(&delay_ms, 100);
    for (uint64_t i = 0; i < 16; i++) {
        const struct digest d = questions_digest(i);
        assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &d}, &w[i]));
    }
    const struct digest more = questions_digest(99);
    assert_false(exist_ask(exist, 0, store, &(struct exist_object){.key = &more}, &w[16]));
    for (unsigned i = 0; i < 16; i++) {
        n[questions_next(exist)]++;
    }
    assert_int_equal(n[EXIST_PRESENT], 12); /* four at once, and half of the queue */
    assert_int_equal(n[EXIST_ERROR], 4);
    assert_int_equal(heads(3), 4);
    struct exist_stats stats;
    exist_stats(exist, &stats);
    assert_int_equal(stats.entries_present, 12);
    assert_int_equal(stats.entries_absent, 0);
    assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &more}, &w[16]));
    assert_int_equal(questions_next(exist), EXIST_PRESENT);
}

static int setup_impatient(void **state)
{
    (void)state;
    struct exist_options options = QUESTIONS_OPTIONS;
    options.store_requests = 1;
    options.head_timeout = 300 * CLOCK_MS;
    return setup_with(&options);
}

static void who_waits_too_long_for_a_turn_is_sent_away(void **state)
{
    (void)state;
    struct exist_waiter w[6] = {0};
    unsigned n[EXIST_STATES] = {0};
    atomic_store(&delay_ms, 200); /* one by one: the third begins too late */
    for (uint64_t i = 0; i < 6; i++) {
        const struct digest d = questions_digest(i);
        assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &d}, &w[i]));
    }
    for (unsigned i = 0; i < 6; i++) {
        n[questions_next(exist)]++;
    }
    assert_in_range(n[EXIST_PRESENT], 1, 3);
    assert_int_equal(n[EXIST_PRESENT] + n[EXIST_ERROR], 6);
    assert_int_equal(heads(3), n[EXIST_ERROR]);
    assert_false(questions_is_down(exist, store));
}

static int setup_short(void **state)
{
    (void)state;
    struct exist_options options = QUESTIONS_OPTIONS;
    options.present_ttl = 800 * CLOCK_MS;
    options.absent_ttl = 400 * CLOCK_MS;
    options.error_ttl = 200 * CLOCK_MS;
    return setup_with(&options);
}

static bool lives(uint64_t n)
{
    return questions_lookup(exist, store, n) != EXIST_MISS;
}

static int lifetime_ms(uint64_t n)
{
    int64_t began = clock_now();
    while (lives(n))
        usleep(5000);
    return (int)((clock_now() - began) / CLOCK_MS);
}

static void each_state_has_its_lifetime(void **state)
{
    (void)state;
    atomic_store(&status, 500);
    questions_ask(exist, store, 1);
    assert_in_range(lifetime_ms(1), 100, 350);
    atomic_store(&status, 404);
    questions_ask(exist, store, 2);
    assert_in_range(lifetime_ms(2), 250, 600);
    struct exist_stats stats;
    do { /* what has expired is swept away */
        usleep(10000);
        exist_stats(exist, &stats);
    } while (stats.entries_absent > 0);
}

static void what_is_used_is_checked_again_before_it_expires(void **state)
{
    (void)state;
    questions_ask(exist, store, 1);
    questions_ask(exist, store, 2);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(questions_lookup(exist, store, 1), EXIST_PRESENT);
        usleep(10000);
    }
    assert_int_equal(questions_lookup(exist, store, 2), EXIST_MISS); /* unused: it expired */
    struct exist_stats stats;
    exist_stats(exist, &stats);
    assert_in_range(stats.rechecks, 2, 4);
    assert_int_equal(server->requests, 2 + (int)stats.rechecks);
    atomic_store(&status, 404); /* deleted: noticed within the lifetime */
    for (int i = 0; i < 100 && questions_lookup(exist, store, 1) == EXIST_PRESENT; i++)
        usleep(10000);
    assert_int_equal(questions_lookup(exist, store, 1), EXIST_ABSENT);
}

static void rechecks_have_a_capped_rate(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++)
        questions_ask(exist, store, i);
    for (int i = 0; i < 100; i++) {
        for (uint64_t j = 0; j < 200; j++)
            questions_lookup(exist, store, j);
        usleep(10000);
    }
    struct exist_stats stats;
    exist_stats(exist, &stats);
    assert_in_range(stats.rechecks, 15, 50);
}

static void new_lifetimes_count_for_what_is_there(void **state)
{
    (void)state;
    questions_ask(exist, store, 1);
    struct exist_options options = QUESTIONS_OPTIONS;
    options.present_ttl = 200 * CLOCK_MS;
    exist_configure(exist, &options);
    /* Looking it up keeps it alive, so each look comes later after the one before. */
    unsigned pause = 1;
    do
        sleep(pause);
    while (questions_lookup(exist, store, 1) != EXIST_MISS && ++pause < 6);
    assert_in_range(pause, 1, 5);
}

static void random_digests_evict_nothing_that_is_present(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(questions_ask(exist, store, i), EXIST_PRESENT);
    atomic_store(&status, 404);
    for (uint64_t i = 1000; i < 4000; i++)
        assert_int_equal(questions_ask(exist, store, i), EXIST_ABSENT);
    struct exist_stats stats;
    exist_stats(exist, &stats);
    assert_true(stats.evictions > 1000);
    assert_int_equal(stats.entries_present, 50);
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(questions_lookup(exist, store, i), EXIST_PRESENT);
}

static int setup_tiny(void **state)
{
    (void)state;
    struct exist_options options = QUESTIONS_OPTIONS;
    options.memory = 100000;
    return setup_with(&options);
}

static void what_happened_is_counted(void **state)
{
    (void)state;
    atomic_store(&delay_ms, 30);
    questions_ask(exist, store, 1);
    atomic_store(&status, 404);
    questions_ask(exist, store, 2);
    atomic_store(&status, 503);
    questions_ask(exist, store, 3);
    struct exist_store_stats s;
    struct exist_stats all;
    exist_stats_store(exist, store, &s);
    exist_stats(exist, &all);
    assert_int_equal(s.heads[EXIST_PRESENT], 1);
    assert_int_equal(s.heads[EXIST_ABSENT], 1);
    assert_int_equal(s.heads[EXIST_ERROR], 1);
    assert_int_equal(s.heads[3], 0);
    assert_false(s.down);
    assert_true(str_ends(s.url, STR("/containers/images/")));
    uint64_t n = 0;
    for (unsigned i = 0; i < EXIST_BUCKETS; i++)
        n += s.latency[i];
    assert_int_equal(n, 3);
    assert_int_equal(s.latency[0] + s.latency[1] + s.latency[2], 0); /* up to 25 ms */
    assert_true(s.latency_sum >= 0.09 && s.latency_sum < 5);
    assert_int_equal(all.entries_present, 1);
    assert_int_equal(all.entries_absent, 2);
    assert_true(all.memory_bytes >= (1 << 20) - 6 * 4096);
}

static void it_ends_at_once_with_heads_on_their_way(void **state)
{
    (void)state;
    struct exist_waiter w[200] = {0};
    atomic_store(&hang, true);
    for (uint64_t i = 0; i < 200; i++) {
        const struct digest d = questions_digest(i);
        assert_true(exist_ask(exist, 0, store, &(struct exist_object){.key = &d}, &w[i]));
    }
    while (atomic_load(&server->requests) < 10)
        usleep(1000);
    int64_t began = clock_now();
    exist_free(exist);
    exist = NULL;
    assert_true(clock_now() - began < CLOCK_S);
}

static void it_ends_where_nothing_was_ever_asked(void **state)
{
    (void)state;
    assert_null(exist_collect(exist, 0));
    exist_free(NULL);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_ends_where_nothing_was_ever_asked, setup),
        TEST(an_answer_is_remembered, setup),
        TEST(sha512_digests_are_asked_for_and_remembered, setup),
        TEST(stores_keep_their_numbers_and_do_not_share, setup),
        TEST(there_is_a_most_of_stores_and_of_their_urls, setup),
        TEST(what_happened_is_counted, setup),
        TEST(ten_thousand_waiters_are_one_head, setup),
        TEST(a_head_goes_on_when_nobody_waits_any_more, setup),
        TEST(a_store_is_asked_so_many_questions_at_once, setup_small),
        TEST(beyond_the_queue_nobody_waits_and_nothing_is_remembered, setup_small),
        TEST(who_waits_too_long_for_a_turn_is_sent_away, setup_impatient),
        TEST(each_state_has_its_lifetime, setup_short),
        TEST(what_is_used_is_checked_again_before_it_expires, setup_short),
        TEST(rechecks_have_a_capped_rate, setup_short),
        TEST(new_lifetimes_count_for_what_is_there, setup),
        TEST(random_digests_evict_nothing_that_is_present, setup_tiny),
        TEST(it_ends_at_once_with_heads_on_their_way, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
