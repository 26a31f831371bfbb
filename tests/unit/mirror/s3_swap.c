/*
 * The index's pointer in a bucket: replaced only as it was read, whatever the store knows of
 * conditions.
 */
#include "bucket.h"

#include <stdlib.h>

#define POINTER "geranos/index/current"

static struct store_outcome swap(const char *etag)
{
    struct store_outcome out;
    const struct store_swap what = {
        .key = STR(POINTER), .content = STR("new"), .etag = etag, .max_age = 30};
    store_swap(store, client, &what, &out);
    return out;
}

static int status_now;

static void always(struct httpd_request *r, int n)
{
    (void)n;
    reply(r, status_now, "", "");
}

static void what_is_there_is_replaced_only_as_it_was_read(void **state)
{
    (void)state;
    answer = always;
    status_now = 200;
    assert_int_equal(swap("\"one\"").result, STORE_OK);
    assert_int_equal(n_seen, 1);
    assert_memory_equal(seen[0].line, "PUT ", 4);
    assert_true(said(0, "if-match: \"one\"\r\n"));
    assert_false(said(0, "if-none-match"));
    assert_string_equal(seen[0].body, "new");
    status_now = 412;
    assert_int_equal(swap("\"one\"").result, STORE_THERE);
    status_now = 404;
    assert_int_equal(swap("\"one\"").result, STORE_THERE);
    status_now = 409;
    assert_int_equal(swap("\"one\"").result, STORE_RETRY);
}

static void the_first_is_put_only_where_there_is_none(void **state)
{
    (void)state;
    answer = always;
    status_now = 200;
    assert_int_equal(swap("").result, STORE_OK);
    assert_true(said(0, "if-none-match: *\r\n"));
    assert_false(said(0, "if-match"));
    status_now = 412;
    assert_int_equal(swap("").result, STORE_THERE);
}

static void caches_are_told_how_long(void **state)
{
    (void)state;
    answer = always;
    status_now = 200;
    swap("");
    assert_true(said(0, "cache-control: max-age=30\r\n"));
    assert_true(said(0, "SignedHeaders=cache-control;"));
}

static bool is_empty;

static void knows_no_conditions(struct httpd_request *r, int n)
{
    (void)n;
    bool conditional =
        httpd_field(r, "if-match")[0] != '\0' || httpd_field(r, "if-none-match")[0] != '\0';
    if (strcmp(r->method, "GET") == 0 && is_empty)
        reply_error(r, 404, "NoSuchKey");
    else if (strcmp(r->method, "GET") == 0)
        reply(r, 200, "ETag: \"two\"\r\n", "old");
    else if (conditional)
        reply_error(r, 501, "NotImplemented");
    else
        reply(r, 200, "", "");
}

static void a_store_without_conditions_is_looked_at_first(void **state)
{
    (void)state;
    answer = knows_no_conditions;
    is_empty = false;
    assert_int_equal(swap("\"two\"").result, STORE_OK);
    assert_int_equal(n_seen, 3); /* PUT, GET, PUT */
    assert_false(said(2, "if-match"));
    assert_true(said(2, "cache-control"));
    assert_int_equal(swap("\"one\"").result, STORE_THERE);
    assert_int_equal(swap("").result, STORE_THERE);
    assert_int_equal(n_seen, 5);
    is_empty = true;
    assert_int_equal(swap("\"two\"").result, STORE_THERE);
    assert_int_equal(swap("").result, STORE_OK);
}

static void compares_without_quotes(struct httpd_request *r, int n)
{
    (void)n;
    if (strcmp(r->method, "GET") == 0)
        reply(r, 200, "ETag: \"two\"\r\n", "old");
    else
        reply(r, strcmp(httpd_field(r, "if-match"), "two") == 0 ? 200 : 412, "", "");
}

static void a_store_that_compares_without_quotes_is_asked_so(void **state)
{
    (void)state;
    answer = compares_without_quotes;
    assert_int_equal(swap("\"two\"").result, STORE_OK);
    assert_int_equal(n_seen, 3);
    assert_true(said(2, "if-match: two\r\n"));
    assert_int_equal(swap("\"one\"").result, STORE_THERE);
    assert_int_equal(n_seen, 5);
}

static void what_is_removed_is_gone_or_was_not_there(void **state)
{
    struct store_outcome out;
    (void)state;
    answer = always;
    status_now = 204;
    store_remove(store, client, STR(POINTER), &out);
    assert_int_equal(out.result, STORE_OK);
    assert_memory_equal(seen[0].line, "DELETE ", 7);
    status_now = 404;
    store_remove(store, client, STR(POINTER), &out);
    assert_int_equal(out.result, STORE_MISSING);
    status_now = 403;
    store_remove(store, client, STR(POINTER), &out);
    check_error(out, STORE_FAILED, "no permission");
    store_remove(store, client, STR("../x"), &out);
    check_error(out, STORE_FAILED, "is no key");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_replaced_only_as_it_was_read),
        TEST(the_first_is_put_only_where_there_is_none),
        TEST(caches_are_told_how_long),
        TEST(a_store_without_conditions_is_looked_at_first),
        TEST(a_store_that_compares_without_quotes_is_asked_so),
        TEST(what_is_removed_is_gone_or_was_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
