/* Several workers at once, against one store: meant for ThreadSanitizer, too. */
#include "questions.h"

#define WORKERS 4
#define KEYS 300

static struct httpd *server;
static struct exist *exist;
static uint32_t store;

/* Even numbers are there. Counts how often each was asked for. */
static atomic_int asked[KEYS];

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    uint64_t n = questions_number(r->path);
    if (n >= KEYS)
        return httpd_status(r, 500);
    atomic_fetch_add(&asked[n], 1);
    return httpd_status(r, n % 2 == 0 ? 200 : 404);
}

static int setup_with(uint64_t memory)
{
    struct exist_options options = QUESTIONS_OPTIONS;
    options.workers = WORKERS;
    options.memory = memory;
    options.present_ttl = 2 * CLOCK_S;
    memset(asked, 0, sizeof(asked));
    server = httpd_start(site, NULL);
    exist = questions_new(&options);
    store = questions_store(exist, server);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(1 << 20);
}

static int setup_tiny(void **state)
{
    (void)state;
    return setup_with(1);
}

static int teardown(void **state)
{
    (void)state;
    exist_free(exist);
    httpd_stop(server);
    return 0;
}

struct worker {
    unsigned number;
    unsigned rounds;
    bool cancel;
    const char *problem;
    struct exist_waiter waiter[KEYS];
};

static enum exist_state truth(uint64_t n)
{
    return n % 2 == 0 ? EXIST_PRESENT : EXIST_ABSENT;
}

static unsigned ask_all(struct worker *w)
{
    unsigned waiting = 0;
    for (uint64_t n = 0; n < KEYS; n++) {
        const struct digest d = questions_digest(n);
        enum exist_state state = exist_lookup(exist, w->number, store, &d, clock_coarse());
        if (state == EXIST_PRESENT)
            exist_redirected(exist, w->number, store, &d);
        if (state != EXIST_MISS) {
            if (state != truth(n))
                w->problem = "a look-up was wrong";
            continue;
        }
        if (!exist_ask(exist, w->number, store, &(struct exist_object){.key = &d}, &w->waiter[n])) {
            w->problem = "a question was refused";
            continue;
        }
        waiting++;
        if (w->cancel && n % 3 == 0) {
            exist_cancel(&w->waiter[n]);
            waiting--;
        }
    }
    return waiting;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    for (unsigned round = 0; round < w->rounds && w->problem == NULL; round++) {
        for (unsigned waiting = ask_all(w); waiting > 0; waiting--) {
            struct exist_waiter *got = questions_wait(exist, w->number, 10000);
            if (got == NULL)
                return w->problem = "an answer is missing", NULL;
            if (got->state != truth((uint64_t)(got - w->waiter)))
                w->problem = "an answer is wrong";
        }
    }
    return NULL;
}

static void run(unsigned rounds, bool cancel)
{
    static struct worker worker[WORKERS];
    pthread_t thread[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        worker[i] = (struct worker){.number = i, .rounds = rounds, .cancel = cancel};
        assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
    }
    struct exist_options options = QUESTIONS_OPTIONS;
    options.present_ttl = 2 * CLOCK_S;
    for (unsigned i = 0; i < 50; i++) { /* what the control thread does meanwhile */
        struct exist_stats stats;
        struct exist_store_stats store_stats;
        exist_stats(exist, &stats);
        exist_stats_store(exist, store, &store_stats);
        exist_configure(exist, &options);
        exist_store(exist, STR("http://127.0.0.1:1/"));
        usleep(1000);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < WORKERS; i++)
        if (worker[i].problem != NULL)
            fail_msg("worker %u: %s", i, worker[i].problem);
}

static void workers_that_ask_the_same_share_one_head(void **state)
{
    (void)state;
    run(1, false);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(asked[i], 1);
}

static void no_answer_is_lost_when_others_cancel(void **state)
{
    (void)state;
    run(20, true);
}

static void no_answer_is_lost_or_wrong_when_the_cache_has_no_room(void **state)
{
    (void)state;
    run(20, true);
    struct exist_stats stats;
    exist_stats(exist, &stats);
    assert_true(stats.evictions > 0);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(workers_that_ask_the_same_share_one_head, setup),
        TEST(no_answer_is_lost_when_others_cancel, setup),
        TEST(no_answer_is_lost_or_wrong_when_the_cache_has_no_room, setup_tiny),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
