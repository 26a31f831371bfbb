/* Objects that have paths in the place of digests. */
#include "questions.h"

static struct httpd *server;
static struct exist *exist;
static uint32_t files; /* the server's, by path */
static atomic_int delay_ms;

/* What is below /there/ is there. */
static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    usleep((useconds_t)atomic_load(&delay_ms) * 1000);
    return httpd_status(r, strstr(r->path, "/there/") != NULL ? 200 : 404);
}

static int setup(void **state)
{
    (void)state;
    atomic_store(&delay_ms, 0);
    server = httpd_start(site, NULL);
    exist = questions_new(&QUESTIONS_OPTIONS);
    files = exist_store_of_paths(exist, str_from(server->url));
    return files == UINT32_MAX;
}

static int teardown(void **state)
{
    (void)state;
    exist_free(exist);
    httpd_stop(server);
    return 0;
}

static struct digest key_of(const char *path)
{
    struct digest key;
    assert_true(exist_path_key(str_from(path), &key));
    assert_int_equal(key.size, 32);
    return key;
}

static enum exist_state look_up(uint32_t store, const char *path)
{
    const struct digest key = key_of(path);
    return exist_lookup(exist, 0, store, &key, clock_coarse());
}

static enum exist_state ask(uint32_t store, const char *path)
{
    const struct digest key = key_of(path);
    struct exist_waiter w = {0};
    char *text = strdup(path); /* whose memory is gone as soon as it has asked */
    assert_true(exist_ask(exist, 0, store, &(struct exist_object){&key, str_from(text)}, &w));
    free(text);
    assert_ptr_equal(questions_wait(exist, 0, 15000), &w);
    return w.state;
}

static void a_path_is_asked_for_as_it_is_and_remembered(void **state)
{
    (void)state;
    assert_int_equal(look_up(files, "/there/a%20b%2Fc"), EXIST_MISS);
    assert_int_equal(ask(files, "/there/a%20b%2Fc"), EXIST_PRESENT);
    assert_int_equal(look_up(files, "/there/a%20b%2Fc"), EXIST_PRESENT);
    assert_int_equal(look_up(files, "/there/a%20b%2fc"), EXIST_MISS);
    assert_int_equal(ask(files, "/nowhere"), EXIST_ABSENT);
    assert_int_equal(look_up(files, "/nowhere"), EXIST_ABSENT);
    assert_int_equal(server->requests, 2);
}

static void the_longest_path_is_asked_for_whole_and_a_longer_one_not(void **state)
{
    (void)state;
    char path[EXIST_PATH_MAX + 2] = "/there/";
    struct digest key;
    memset(path + 7, 'x', EXIST_PATH_MAX - 7);
    path[EXIST_PATH_MAX] = '\0';
    assert_int_equal(ask(files, path), EXIST_PRESENT);
    path[EXIST_PATH_MAX] = 'x';
    path[EXIST_PATH_MAX + 1] = '\0';
    assert_false(exist_path_key(str_from(path), &key));
}

/* The same bytes are a digest's in one and a path's in the other. */
static void one_url_by_digest_and_by_path_are_two_stores(void **state)
{
    (void)state;
    uint32_t blobs = exist_store(exist, str_from(server->url));
    assert_int_not_equal(blobs, files);
    assert_int_equal(exist_store_of_paths(exist, str_from(server->url)), files);
    assert_int_equal(ask(files, "/there/x"), EXIST_PRESENT);
    assert_int_equal(look_up(blobs, "/there/x"), EXIST_MISS);
}

static void a_thousand_waiters_for_one_path_are_one_head(void **state)
{
    (void)state;
    static struct exist_waiter w[1000];
    const struct digest key = key_of("/there/cold");
    atomic_store(&delay_ms, 200);
    for (size_t i = 0; i < 1000; i++)
        assert_true(
            exist_ask(exist, 0, files, &(struct exist_object){&key, STR("/there/cold")}, &w[i]));
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(questions_next(exist), EXIST_PRESENT);
    assert_int_equal(server->requests, 1);
}

/* Two at a time with the store busy: whose path is whose. */
static void many_paths_at_once_are_not_mixed_up(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct exist_waiter w[N];
    atomic_store(&delay_ms, 5);
    for (int i = 0; i < N; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/%s/%d", i % 3 == 0 ? "there" : "not", i);
        const struct digest key = key_of(path);
        assert_true(
            exist_ask(exist, 0, files, &(struct exist_object){&key, str_from(path)}, &w[i]));
    }
    for (int i = 0; i < N; i++)
        assert_non_null(questions_wait(exist, 0, 15000));
    for (int i = 0; i < N; i++)
        assert_int_equal(w[i].state, i % 3 == 0 ? EXIST_PRESENT : EXIST_ABSENT);
}

/* What it is watched by is the last path that was asked for: that one was never there, and says
 * nothing of the others. */
static void a_watch_that_finds_nothing_where_nothing_was_forgets_nothing(void **state)
{
    (void)state;
    const struct digest key = key_of("/there/a");
    assert_int_equal(ask(files, "/there/a"), EXIST_PRESENT);
    assert_int_equal(ask(files, "/nowhere"), EXIST_ABSENT);
    int64_t begun = clock_now();
    while (server->requests < 3 && clock_now() - begun < 10 * CLOCK_S) {
        exist_redirected(exist, 0, files, &key);
        usleep(50000);
    }
    assert_true(server->requests >= 3);
    assert_int_equal(look_up(files, "/there/a"), EXIST_PRESENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_path_is_asked_for_as_it_is_and_remembered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_longest_path_is_asked_for_whole_and_a_longer_one_not,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(one_url_by_digest_and_by_path_are_two_stores, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_thousand_waiters_for_one_path_are_one_head, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_paths_at_once_are_not_mixed_up, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_watch_that_finds_nothing_where_nothing_was_forgets_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
