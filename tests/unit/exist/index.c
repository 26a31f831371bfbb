/* Indexes as the cache uses them: what is loaded, what is refused, and when a set may go. */
#include "questions.h"

#include "exist/index_load.h"
#include "indexed.h"

static struct httpd *server;
static struct indexed published;
static atomic_int heads;

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    if (indexed_answer(&published, r))
        return HTTPD_SEND;
    atomic_fetch_add(&heads, strcmp(r->method, "HEAD") == 0);
    return httpd_status(r, 404);
}

/* Digests 1 to n, whose bytes are in the numbers' order. */
static void publish(size_t n, int64_t made)
{
    struct digest d[200];
    assert_true(n <= 200);
    for (size_t i = 0; i < n; i++)
        d[i] = questions_digest(i + 1);
    indexed_make(&published, d, n, made);
}

static int setup(void **state)
{
    (void)state;
    atomic_store(&heads, 0);
    publish(3, clock_wall());
    server = httpd_start(site, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    httpd_stop(server);
    return 0;
}

/* ── Loading ── */

static struct index_load make_load(void)
{
    static char base[80];
    snprintf(base, sizeof(base), "%s/", server->url);
    return (struct index_load){.base = str_from(base)};
}

/* Loads what is published. NULL: refused, and l says why. */
static struct index_set *load(struct index_table *x, struct index_load *l)
{
    struct blob_index_pointer p;
    *l = make_load();
    if (index_load_pointer(l, &p) != INDEX_LOAD_DONE || blob_index_size(p.count) > INDEXED_MAX)
        return NULL;
    return index_load_set(l, x, &p);
}

static void test_what_is_published_is_loaded(void **state)
{
    (void)state;
    struct index_table x;
    struct index_load l;
    assert_true(index_open(&x, 1));
    struct index_set *s = load(&x, &l);
    assert_non_null(s);
    assert_int_equal(s->index.n[0], 3);
    assert_int_equal(atomic_load(&x.bytes), index_set_bytes(64 + 3 * 32));
    for (uint64_t n = 0; n <= 4; n++) {
        const struct digest d = questions_digest(n);
        assert_int_equal(blob_index_has(&s->index, &d), n >= 1 && n <= 3);
    }
    index_set_free(&x, s);
    assert_int_equal(atomic_load(&x.bytes), 0);
    index_close(&x);
}

static void test_no_flipped_bit_of_a_set_is_loaded(void **state)
{
    (void)state;
    struct index_table x;
    struct index_load l;
    assert_true(index_open(&x, 1));
    for (size_t bit = 0; bit < published.size * 8; bit++) {
        published.set[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_null(load(&x, &l));
        assert_int_equal(l.failure, EXIST_INDEX_CORRUPT);
        assert_non_null(strstr(l.why, "its SHA-256 is not the one that names it"));
        published.set[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(atomic_load(&x.bytes), 0);
    index_close(&x);
}

static void test_no_flipped_bit_of_a_pointer_loads_another_set(void **state)
{
    (void)state;
    struct index_table x;
    struct index_load l;
    assert_true(index_open(&x, 1));
    for (size_t bit = 0; bit < published.pointer_len * 8; bit++) {
        published.pointer[bit / 8] ^= (char)(1 << bit % 8);
        struct index_set *s = load(&x, &l);
        if (s != NULL) /* of another time */
            assert_int_equal(s->index.n[0], 3);
        index_set_free(&x, s);
        published.pointer[bit / 8] ^= (char)(1 << bit % 8);
    }
    index_close(&x);
}

static void test_no_set_that_is_cut_or_longer_is_loaded(void **state)
{
    (void)state;
    struct index_table x;
    struct index_load l;
    size_t whole = published.size;
    assert_true(index_open(&x, 1));
    for (published.size = 0; published.size <= whole + 1; published.size++) {
        struct index_set *s = load(&x, &l);
        assert_int_equal(s != NULL, published.size == whole);
        index_set_free(&x, s);
    }
    index_close(&x);
}

/* ── Publishing ── */

static struct index_set *new_set(struct index_table *x, size_t n)
{
    publish(n, 1);
    struct index_set *s = index_set_new(x, published.size);
    assert_non_null(s);
    memcpy(s->memory, published.set, published.size);
    assert_null(index_set_open(s));
    atomic_store(&s->until, INT64_MAX);
    return s;
}

static void test_a_set_is_freed_when_every_reader_has_passed_and_not_before(void **state)
{
    (void)state;
    struct index_table x;
    const struct digest d = questions_digest(1);
    assert_true(index_open(&x, 3));
    assert_false(index_has(&x, 7, &d, 0));
    index_publish(&x, 7, new_set(&x, 1));
    assert_false(index_collect(&x));
    assert_true(index_has(&x, 7, &d, 0));
    assert_false(index_has(&x, 8, &d, 0));
    index_publish(&x, 7, new_set(&x, 2));
    for (unsigned reader = 0; reader < 3; reader++) {
        assert_true(index_collect(&x));
        assert_int_equal(atomic_load(&x.bytes),
                         index_set_bytes(64 + 32) + index_set_bytes(64 + 2 * 32));
        index_pass(&x, reader);
    }
    assert_false(index_collect(&x));
    assert_int_equal(atomic_load(&x.bytes), index_set_bytes(64 + 2 * 32));
    index_publish(&x, 7, NULL);
    assert_false(index_has(&x, 7, &d, 0));
    assert_false(index_any(&x));
    index_close(&x);
}

static void test_a_set_is_believed_until_its_time_and_not_once_it_was_wrong(void **state)
{
    (void)state;
    struct index_table x;
    struct exist_index_stats stats;
    const struct digest d = questions_digest(1);
    assert_true(index_open(&x, 1));
    struct index_set *s = new_set(&x, 1);
    atomic_store(&s->until, 1000);
    index_publish(&x, 0, s);
    assert_true(index_has(&x, 0, &d, 999));
    assert_false(index_has(&x, 0, &d, 1000));
    index_distrust(&x, 0);
    index_distrust(&x, 0);
    index_distrust(&x, 1); /* it has none */
    assert_false(index_has(&x, 0, &d, 999));
    index_stats(&x, 0, &stats);
    assert_int_equal(stats.failures[EXIST_INDEX_WRONG], 1);
    assert_int_equal(stats.entries, 1);
    assert_false(stats.used);
    index_close(&x);
}

#define READERS 3
#define SETS 2000

static struct index_table shared;
static atomic_bool ended;
static atomic_long missed;

static void *read_always(void *argument)
{
    unsigned reader = (unsigned)(uintptr_t)argument;
    const struct digest always = questions_digest(1);
    while (!atomic_load(&ended)) {
        for (unsigned i = 0; i < 16; i++)
            if (!index_has(&shared, 0, &always, 0))
                atomic_fetch_add(&missed, 1);
        index_pass(&shared, reader);
    }
    return NULL;
}

static void test_sets_are_replaced_while_they_are_read(void **state)
{
    (void)state;
    pthread_t thread[READERS];
    assert_true(index_open(&shared, READERS));
    atomic_store(&ended, false);
    atomic_store(&missed, 0);
    index_publish(&shared, 0, new_set(&shared, 1));
    for (uintptr_t i = 0; i < READERS; i++)
        pthread_create(&thread[i], NULL, read_always, (void *)i);
    for (size_t i = 0; i < SETS; i++) {
        index_publish(&shared, 0, new_set(&shared, 1 + i % 100));
        while (index_collect(&shared))
            sched_yield();
    }
    atomic_store(&ended, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&missed), 0);
    index_close(&shared);
}

/* ── All of it ── */

static bool wait_used(struct exist *e, uint32_t store, bool used)
{
    struct exist_index_stats stats;
    int64_t end = clock_now() + 10 * CLOCK_S;
    do {
        usleep(2000);
        exist_pass(e, 0);
        exist_stats_index(e, store, &stats);
    } while (stats.used != used && clock_now() < end);
    return stats.used == used;
}

static void test_what_an_index_names_is_present_without_a_head(void **state)
{
    (void)state;
    struct exist_options options = QUESTIONS_OPTIONS;
    options.index_refresh = 20 * CLOCK_MS;
    options.index_max_age = 3600 * CLOCK_S;
    options.index_memory = 1 << 20;
    struct exist *e = questions_new(&options);
    uint32_t store = questions_store(e, server);
    assert_int_equal(questions_lookup(e, store, 1), EXIST_MISS);
    assert_true(exist_follow(e, &store, 1));
    assert_true(wait_used(e, store, true));
    for (uint64_t n = 0; n <= 4; n++)
        assert_int_equal(questions_lookup(e, store, n),
                         n >= 1 && n <= 3 ? EXIST_PRESENT : EXIST_MISS);
    assert_int_equal(questions_ask(e, store, 4), EXIST_ABSENT);
    assert_int_equal(atomic_load(&heads), 1);
    assert_true(exist_follow(e, NULL, 0));
    assert_true(wait_used(e, store, false));
    assert_int_equal(questions_lookup(e, store, 1), EXIST_MISS);
    exist_free(e);
}

static void test_the_watch_asks_for_what_an_index_sent_clients_to(void **state)
{
    (void)state;
    struct exist_options options = QUESTIONS_OPTIONS;
    options.index_refresh = 20 * CLOCK_MS;
    options.index_max_age = 3600 * CLOCK_S;
    options.index_memory = 1 << 20;
    struct exist *e = questions_new(&options);
    uint32_t store = questions_store(e, server);
    const struct digest d = questions_digest(1);
    assert_true(exist_follow(e, &store, 1));
    assert_true(wait_used(e, store, true));
    exist_redirected(e, 0, store, &d);
    assert_true(wait_used(e, store, false)); /* it is not there */
    assert_true(atomic_load(&heads) >= 1);
    assert_int_not_equal(questions_lookup(e, store, 2), EXIST_PRESENT);
    exist_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_published_is_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_flipped_bit_of_a_set_is_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_flipped_bit_of_a_pointer_loads_another_set, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_no_set_that_is_cut_or_longer_is_loaded, setup,
                                        teardown),
        cmocka_unit_test(test_a_set_is_freed_when_every_reader_has_passed_and_not_before),
        cmocka_unit_test(test_a_set_is_believed_until_its_time_and_not_once_it_was_wrong),
        cmocka_unit_test(test_sets_are_replaced_while_they_are_read),
        cmocka_unit_test_setup_teardown(test_what_an_index_names_is_present_without_a_head, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_watch_asks_for_what_an_index_sent_clients_to,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
