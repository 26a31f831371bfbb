/*
 * What the filter does about stores: questions, waiting, single flight, and stores that die.
 */
#include "site.h"

#include "slots.h"

static void test_a_blob_is_where_a_store_says_that_it_is(void **state)
{
    (void)state;
    site_start("");
    uint32_t request = site_blob(1);
    assert_true(site_waits(request));
    assert_int_equal(host.n_calls, 1);
    assert_string_equal(host.call[0].cluster, "archeio_eu");
    assert_string_equal(host.call[0].method, "HEAD");
    assert_int_equal(host.call[0].timeout, 5000);
    assert_memory_equal(host.call[0].url, SITE_EU, strlen(SITE_EU));
    assert_string_equal(host.call[0].url + strlen(SITE_EU), site_digest(1));
    host_respond(0, "200");
    assert_string_equal(site_sent(request), "eu");
    assert_string_equal(host_answer(request)->details, "archeio_R12_eu");
    assert_string_equal(site_sent(site_blob(1)), "eu");
    assert_int_equal(host.n_calls, 1);
}

static void test_the_next_store_is_asked_when_the_first_has_it_not(void **state)
{
    (void)state;
    static const char *const absent[] = {"404", "403", "500", "302", NULL};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        site_start("clusters: c-");
        uint32_t request = site_blob(1);
        host_respond(0, absent[i]);
        assert_true(site_waits(request));
        assert_string_equal(host.call[1].cluster, "c-us");
        assert_memory_equal(host.call[1].url, SITE_US, strlen(SITE_US));
        host_respond(1, "200");
        assert_string_equal(site_sent(request), "us");
    }
}

static void
test_who_has_it_nowhere_gets_it_from_the_upstream_and_that_is_known_for_a_while(void **state)
{
    (void)state;
    site_start("absent_ttl: 10s");
    uint32_t request = site_blob(1);
    host_respond(0, "404");
    host_respond(1, "404");
    assert_string_equal(site_sent(request), "upstream");
    assert_string_equal(site_sent(site_blob(1)), "upstream");
    assert_int_equal(host.n_calls, 2);
    host.now += 11 * HOST_S;
    assert_true(site_waits(site_blob(1)));
    assert_int_equal(host.n_calls, 3);
}

static void test_what_is_present_is_looked_up_in_the_shared_data_once_a_second(void **state)
{
    (void)state;
    site_start("");
    site_blob(1);
    host_respond(0, "200");
    assert_string_equal(site_sent(site_blob(1)), "eu");
    unsigned before = host.n_gets;
    for (unsigned i = 0; i < 100; i++)
        assert_string_equal(site_sent(site_blob(1)), "eu");
    assert_int_equal(host.n_gets, before);
    host.now += HOST_S;
    assert_string_equal(site_sent(site_blob(1)), "eu");
    assert_true(host.n_gets > before);
}

/* As its slots, in which the other thread writes, say. */
static void test_what_another_thread_finds_out_counts_within_a_second(void **state)
{
    (void)state;
    char url[128];
    site_start("");
    site_blob(1);
    host_respond(0, "200");
    assert_string_equal(site_sent(site_blob(1)), "eu");
    snprintf(url, sizeof(url), SITE_EU "%s", site_digest(1));
    struct slots other = slots_open(16384);
    slots_put(&other, str_from(url), SLOTS_ABSENT, host.now + 60 * HOST_S, host.now);
    host.now += HOST_S;
    site_blob(1);
    assert_int_equal(host.n_calls, 2);
    assert_string_equal(host.call[1].cluster, "archeio_us");
}

static void test_one_head_answers_all_who_wait_for_it(void **state)
{
    (void)state;
    uint32_t request[100];
    site_start("");
    for (unsigned i = 0; i < 100; i++)
        request[i] = site_blob(1);
    assert_int_equal(host.n_calls, 1);
    host_respond(0, "200");
    for (unsigned i = 0; i < 100; i++)
        assert_string_equal(site_sent(request[i]), "eu");
}

static void test_who_has_waited_long_enough_goes_to_the_upstream_and_the_head_goes_on(void **state)
{
    (void)state;
    site_start("wait: 2s");
    uint32_t early = site_blob(1);
    host_pass(HOST_S);
    uint32_t late = site_blob(1);
    host_pass(HOST_S);
    assert_string_equal(site_sent(early), "upstream");
    assert_true(site_waits(late));
    host_pass(HOST_S);
    assert_string_equal(site_sent(late), "upstream");
    assert_int_equal(host_counter("archeio_gave_up"), 2);
    assert_int_equal(host.tick, 0);
    host_respond(0, "200");
    assert_string_equal(site_sent(site_blob(1)), "eu");
}

static void test_the_wait_is_for_all_stores_together(void **state)
{
    (void)state;
    site_start("wait: 2s");
    uint32_t request = site_blob(1);
    host_pass(3 * HOST_S / 2);
    host_respond(0, "404");
    assert_true(site_waits(request));
    host_pass(HOST_S / 2);
    assert_string_equal(site_sent(request), "upstream");
}

static void test_with_no_wait_the_head_fills_the_cache_all_the_same(void **state)
{
    (void)state;
    site_start("wait: 0s");
    assert_string_equal(site_sent(site_blob(1)), "upstream");
    host_respond(0, "200");
    assert_string_equal(site_sent(site_blob(1)), "eu");
}

static void test_a_request_that_is_gone_gets_no_answer(void **state)
{
    (void)state;
    site_start("");
    uint32_t request = site_blob(1);
    host_end(request);
    host_respond(0, "200"); /* the host would not survive an answer to it */
    assert_int_equal(host_answer(request)->status, 0);
    assert_string_equal(site_sent(site_blob(1)), "eu");
}

static void test_questions_past_the_cap_of_a_store_are_not_asked(void **state)
{
    (void)state;
    site_start("");
    for (unsigned i = 0; i < 64; i++)
        assert_true(site_waits(site_blob(i)));
    assert_int_equal(host.n_calls, 64);
    uint32_t request = site_blob(64); /* of the next store it is the first */
    assert_true(site_waits(request));
    assert_string_equal(host.call[64].cluster, "archeio_us");
    for (unsigned i = 65; i < 200; i++)
        site_blob(i);
    assert_int_equal(host.n_calls, 128);
    assert_string_equal(site_sent(site_blob(200)), "upstream");
}

static void test_three_errors_in_a_row_make_a_store_down_until_a_trial_succeeds(void **state)
{
    (void)state;
    site_start("error_ttl: 1ms");
    for (unsigned i = 0; i < 3; i++) {
        uint32_t request = site_blob(i);
        host_respond(host.n_calls - 1, "503");
        host_respond(host.n_calls - 1, "404"); /* the other store */
        assert_string_equal(site_sent(request), "upstream");
    }
    assert_string_equal(host.log, "store eu is down: 3 errors in a row from cluster archeio_eu; "
                                  "clients go elsewhere until it answers");
    uint32_t calls = host.n_calls;
    site_blob(50);
    assert_int_equal(host.n_calls, calls + 1);
    assert_string_equal(host.call[calls].cluster, "archeio_us");
    for (unsigned trial = 1; trial <= 3; trial++) {
        host_pass(HOST_S + HOST_S / 5);
        assert_int_equal(host.n_calls, calls + 1 + trial);
        assert_string_equal(host.call[calls + trial].cluster, "archeio_eu");
        assert_int_equal(host.call[calls + trial].timeout, 2000);
        host_respond(calls + trial, trial < 3 ? NULL : "404");
    }
    assert_string_equal(host.log, "store eu is up again");
    calls = host.n_calls;
    site_blob(60);
    assert_string_equal(host.call[calls].cluster, "archeio_eu");
}

static void test_when_a_store_goes_down_nobody_waits_for_it_any_longer(void **state)
{
    (void)state;
    uint32_t request[4];
    site_start("");
    for (unsigned i = 0; i < 4; i++)
        request[i] = site_blob(i);
    for (unsigned i = 0; i < 3; i++)
        host_respond(i, NULL);
    assert_int_equal(host.n_calls, 8); /* the other store is asked for each */
    host_respond(7, "200");
    assert_string_equal(site_sent(request[3]), "us");
    host_respond(3, "200");
    assert_string_equal(host.log, "store eu is up again");
}

static void test_what_the_cache_says_of_a_store_that_is_down_is_ignored(void **state)
{
    (void)state;
    site_start("");
    site_blob(1);
    host_respond(0, "200");
    host.refuse_calls = true; /* its cluster is gone */
    for (unsigned i = 2; i < 5; i++)
        site_blob(i);
    host.refuse_calls = false;
    assert_int_equal(host_counter("archeio_store_down"), 2);
    assert_string_equal(site_sent(site_blob(1)), "upstream");
}

/* The store dies just after a good answer, in the way that takes longest to notice: it does not
 * answer at all. Clients are sent to it all the time. */
static void test_a_store_that_dies_with_a_full_cache_is_left_within_ten_seconds(void **state)
{
    (void)state;
    site_start("");
    site_blob(1);
    host_respond(0, "200");
    int64_t began = host.now, asked[HOST_MAX] = {0};
    /* Until the other store is asked. */
    for (uint32_t request = site_blob(1); !site_waits(request); request = site_blob(1)) {
        assert_string_equal(site_sent(request), "eu");
        host_pass(HOST_S / 10);
        assert_true(host.now < began + 20 * HOST_S);
        for (uint32_t i = 1; i < host.n_calls; i++) {
            if (asked[i] == 0)
                asked[i] = host.now;
            if (host.call[i].open && host.now >= asked[i] + host.call[i].timeout * HOST_S / 1000)
                host_respond(i, "504");
        }
    }
    assert_true(host.now - began < 10 * HOST_S);
}

static void test_a_store_to_which_nobody_is_sent_is_not_watched(void **state)
{
    (void)state;
    site_start("");
    site_blob(1);
    host_respond(0, "200");
    assert_int_equal(host.tick, 100);
    for (unsigned i = 1; i <= 5; i++) {
        host_pass(6 * HOST_S);
        assert_int_equal(host.n_calls, i + 1);
        host_respond(i, "200");
    }
    host_pass(60 * HOST_S);
    assert_int_equal(host.tick, 0);
    assert_true(host.n_calls <= 7);
}

static void test_where_the_watched_object_is_gone_nothing_counts_as_present(void **state)
{
    (void)state;
    site_start("");
    for (unsigned i = 0; i < 2; i++) {
        site_blob(i);
        host_respond(i, "200");
    }
    host_pass(6 * HOST_S);
    assert_int_equal(host.n_calls, 3);
    host_respond(2, "404"); /* of the one that clients were sent for last */
    assert_true(site_waits(site_blob(0)));
    assert_int_equal(host.n_calls, 4);
    assert_string_equal(host.call[3].cluster, "archeio_eu");
}

static void
test_what_expires_soon_and_is_used_is_asked_for_again_while_clients_are_answered(void **state)
{
    (void)state;
    site_start("present_ttl: 16s");
    site_blob(1);
    host_respond(0, "200");
    host.now += 13 * HOST_S;
    assert_string_equal(site_sent(site_blob(1)), "eu");
    assert_int_equal(host.n_calls, 1);
    host.now += 2 * HOST_S;
    assert_string_equal(site_sent(site_blob(1)), "eu");
    assert_string_equal(site_sent(site_blob(1)), "eu");
    assert_int_equal(host.n_calls, 2);
    host_respond(1, "200");
    host.now += 10 * HOST_S;
    assert_string_equal(site_sent(site_blob(1)), "eu");
}

static void test_answers_to_nobodys_question_are_ignored(void **state)
{
    (void)state;
    site_start("");
    host_enter(HOST_ROOT);
    proxy_on_http_call_response(HOST_ROOT, 77, 0, 0, 0);
    proxy_on_http_call_response(HOST_ROOT, 0, 0, 0, 0);
    proxy_on_http_call_response(4000, 1, 0, 0, 0);
    proxy_on_tick(4000);
    assert_int_equal(host.n_calls, 0);
}

static void test_more_requests_than_may_wait_go_to_the_upstream(void **state)
{
    (void)state;
    site_start("");
    for (unsigned i = 0; i < 1024; i++)
        assert_true(site_waits(site_blob(1)));
    assert_string_equal(site_sent(site_blob(1)), "upstream");
    host_respond(0, "200");
    for (uint32_t i = 0; i < 1024; i++)
        assert_string_equal(site_sent(HOST_ROOT + 1 + i), "eu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_blob_is_where_a_store_says_that_it_is),
        cmocka_unit_test(test_the_next_store_is_asked_when_the_first_has_it_not),
        cmocka_unit_test(
            test_who_has_it_nowhere_gets_it_from_the_upstream_and_that_is_known_for_a_while),
        cmocka_unit_test(test_what_is_present_is_looked_up_in_the_shared_data_once_a_second),
        cmocka_unit_test(test_what_another_thread_finds_out_counts_within_a_second),
        cmocka_unit_test(test_one_head_answers_all_who_wait_for_it),
        cmocka_unit_test(test_who_has_waited_long_enough_goes_to_the_upstream_and_the_head_goes_on),
        cmocka_unit_test(test_the_wait_is_for_all_stores_together),
        cmocka_unit_test(test_with_no_wait_the_head_fills_the_cache_all_the_same),
        cmocka_unit_test(test_a_request_that_is_gone_gets_no_answer),
        cmocka_unit_test(test_questions_past_the_cap_of_a_store_are_not_asked),
        cmocka_unit_test(test_three_errors_in_a_row_make_a_store_down_until_a_trial_succeeds),
        cmocka_unit_test(test_when_a_store_goes_down_nobody_waits_for_it_any_longer),
        cmocka_unit_test(test_what_the_cache_says_of_a_store_that_is_down_is_ignored),
        cmocka_unit_test(test_a_store_that_dies_with_a_full_cache_is_left_within_ten_seconds),
        cmocka_unit_test(test_a_store_to_which_nobody_is_sent_is_not_watched),
        cmocka_unit_test(test_where_the_watched_object_is_gone_nothing_counts_as_present),
        cmocka_unit_test(
            test_what_expires_soon_and_is_used_is_asked_for_again_while_clients_are_answered),
        cmocka_unit_test(test_answers_to_nobodys_question_are_ignored),
        cmocka_unit_test(test_more_requests_than_may_wait_go_to_the_upstream),
    };
    return cmocka_run_group_tests(tests, site_build, site_free);
}
