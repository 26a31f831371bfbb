#include "mirror/s3.h"

#include "bucket.h"

#include <signal.h>
#include <time.h>

/* What real servers cannot be made to do; what they do is in tests/system/test_store.py. */

static struct store_outcome list(struct store *s, store_each *each, void *owner)
{
    struct store_outcome out;
    store_list(s, client,
               &(struct store_list){.prefix = STR("images/"), .each = each, .owner = owner}, &out);
    return out;
}

/* ── Requests ── */

static void all_is_well(struct httpd_request *r, int n)
{
    (void)n;
    reply(r, 200, "", "");
}

static void a_put_says_what_it_holds_and_replaces_nothing(void **state)
{
    (void)state;
    answer = all_is_well;
    assert_int_equal(put(store, KEY, "hello", 5).result, STORE_OK);
    assert_int_equal(n_seen, 1);
    assert_string_equal(seen[0].line, "PUT /bucket/images/sha256%3Aab");
    assert_string_equal(seen[0].body, "hello");
    assert_true(said(0, "if-none-match: *\r\n"));
    assert_true(said(0, "x-amz-content-sha256: "
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\r\n"));
    assert_true(said(0, "x-amz-checksum-sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\r\n"));
    assert_true(said(0, "/us-east-1/s3/aws4_request"));
    assert_false(said(0, SECRET));
}

static void what_may_be_replaced_is_sent_without_a_condition(void **state)
{
    struct store_object object = {
        .key = STR(KEY), .digest = putting_digest("hello", 5), .size = 5, .replace = true};
    struct putting source = {.data = "hello", .len = 5};
    (void)state;
    answer = all_is_well;
    assert_int_equal(putting_run(store, client, &object, &source).result, STORE_OK);
    assert_int_equal(n_seen, 1);
    assert_false(said(0, "if-none-match"));
    assert_true(said(0, "x-amz-content-sha256: "
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\r\n"));
}

/* What is not empty goes in parts: s3_parts.c. */
static void another_algorithm_is_sent_unsigned(void **state)
{
    struct store_object object = {.key = STR("images/sha512:ab"),
                                  .digest = {.algorithm = DIGEST_SHA512, .size = 64}};
    struct putting source = {.data = ""};
    (void)state;
    answer = all_is_well;
    assert_int_equal(putting_run(store, client, &object, &source).result, STORE_OK);
    assert_true(said(0, "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
    assert_false(said(0, "x-amz-checksum-sha256"));
}

static void a_bucket_can_stand_in_the_hosts_name(void **state)
{
    char url[128], error[256], host[128];
    (void)state;
    answer = all_is_well;
    snprintf(url, sizeof(url), "s3://bucket/pre/fix?endpoint=http://s3.localhost:%d", server->port);
    struct store *s = store_open(url, error);
    assert_string_equal(store_name(s), "s3://bucket/pre/fix");
    assert_int_equal(put(s, KEY, "x", 1).result, STORE_OK);
    assert_string_equal(seen[0].line, "PUT /pre/fix/images/sha256%3Aab");
    snprintf(host, sizeof(host), "Host: bucket.s3.localhost:%d\r\n", server->port);
    assert_true(said(0, host));
    store_close(s);
}

static void a_token_is_sent_with_its_keys(void **state)
{
    (void)state;
    answer = all_is_well;
    setenv("AWS_SESSION_TOKEN", "tok-123", 1);
    struct store *s = open_store("bucket", "&region=eu-west-3");
    assert_int_equal(put(s, KEY, "x", 1).result, STORE_OK);
    assert_true(said(0, "x-amz-security-token: tok-123\r\n"));
    assert_true(said(0, "/eu-west-3/s3/aws4_request"));
    store_close(s);
}

/* ── Conditions ── */

static void knows_no_conditions(struct httpd_request *r, int n)
{
    (void)n;
    if (strcmp(r->method, "HEAD") == 0)
        reply(r, strstr(r->path, "there") != NULL ? 200 : 404, "", "");
    else if (httpd_field(r, "if-none-match")[0] != '\0')
        reply_error(r, 501, "NotImplemented");
    else
        reply(r, 200, "", "");
}

static void a_store_without_conditions_is_asked_first_from_then_on(void **state)
{
    (void)state;
    answer = knows_no_conditions;
    check_error(put(store, KEY, "hello", 5), STORE_RETRY, "If-None-Match");
    assert_int_equal(put(store, KEY, "hello", 5).result, STORE_OK);
    assert_int_equal(put(store, "images/there", "hello", 5).result, STORE_THERE);
    assert_int_equal(n_seen, 4);
    assert_memory_equal(seen[1].line, "HEAD ", 5);
    assert_memory_equal(seen[2].line, "PUT ", 4);
    assert_false(said(2, "if-none-match"));
    assert_memory_equal(seen[3].line, "HEAD ", 5);
}

static void where_nothing_was_sent_yet_no_attempt_is_lost(void **state)
{
    (void)state;
    answer = knows_no_conditions;
    assert_int_equal(put(store, KEY, "", 0).result, STORE_OK);
    assert_int_equal(n_seen, 3);
}

static void a_small_object_is_set_without_conditions_at_once(void **state)
{
    struct store_outcome out;
    (void)state;
    answer = knows_no_conditions;
    store_set(store, client, &(struct store_set){STR("geranos/x"), STR("hello"), false}, &out);
    assert_int_equal(out.result, STORE_OK);
    store_set(store, client, &(struct store_set){STR("geranos/there"), STR("hello"), false}, &out);
    assert_int_equal(out.result, STORE_THERE);
    int before = n_seen;
    store_set(store, client, &(struct store_set){STR("geranos/there"), STR("hello"), true}, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_equal(n_seen, before + 1);
    assert_false(said(before, "if-none-match"));
}

/* ── What answers mean ── */

static int status_now;
static const char *code_now, *fields_now;

static void always(struct httpd_request *r, int n)
{
    char body[256];
    (void)n;
    snprintf(body, sizeof(body),
             "<Error><Code>%s</Code><Message>m " SECRET "-and-a-long-rest</Message></Error>",
             code_now);
    reply(r, status_now, fields_now, code_now[0] != '\0' ? body : "");
}

static struct store_outcome put_with(int status, const char *code, const char *fields)
{
    status_now = status;
    code_now = code;
    fields_now = fields;
    answer = always;
    n_seen = 0;
    return put(store, KEY, "hello", 5);
}

static void what_may_pass_is_tried_again(void **state)
{
    static const struct {
        int status;
        const char *code;
        bool throttled;
    } rows[] = {
        {500, "InternalError", false},
        {500, "", false},
        {502, "", false},
        {503, "SlowDown", true},
        {503, "", true},
        {504, "", false},
        {400, "RequestTimeout", false},
        {429, "", true},
        {409, "ConditionalRequestConflict", false},
        {400, "IncompleteBody", false},
        {409, "OperationAborted", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_outcome out = put_with(rows[i].status, rows[i].code, "");
        assert_int_equal(out.result, STORE_RETRY);
        assert_int_equal(out.throttled, rows[i].throttled);
        assert_int_equal(out.after, 0);
    }
}

static void retry_after_is_heard_in_both_forms(void **state)
{
    char fields[128], date[64];
    time_t then = time(NULL) + 60;
    struct tm tm;
    (void)state;
    assert_int_equal(put_with(503, "SlowDown", "Retry-After: 7\r\n").after, 7000);
    gmtime_r(&then, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    snprintf(fields, sizeof(fields), "Retry-After: %s\r\n", date);
    int64_t after = put_with(500, "InternalError", fields).after;
    assert_true(after >= 55000 && after <= 60000);
}

static void what_will_not_pass_says_what_to_do(void **state)
{
    static const struct {
        int status;
        const char *code;
        enum store_result result;
        const char *text;
    } rows[] = {
        {403, "AccessDenied", STORE_FAILED, "no permission: allow the keys from the environment"},
        {403, "", STORE_FAILED, "no permission"},
        {404, "NoSuchBucket", STORE_FAILED, "there is no such bucket: create it"},
        {404, "", STORE_FAILED, "HTTP 404 to a PUT: correct bucket and endpoint"},
        {403, "InvalidAccessKeyId", STORE_FAILED, "does not know the access key"},
        {404, "XAdminUserNotFound", STORE_FAILED, "does not know the access key"},
        {403, "SignatureDoesNotMatch", STORE_FAILED, "does not belong to its access key"},
        {400, "ExpiredToken", STORE_FAILED, "have expired: renew them"},
        {400, "XAmzContentSHA256Mismatch", STORE_REFUSED, "not what its digest says"},
        {400, "BadDigest", STORE_REFUSED, "not what its digest says"},
        {507, "", STORE_FAILED, "the store is full"},
        {403, "QuotaExceeded", STORE_FAILED, "quota"},
        {418, "Teapot", STORE_FAILED, "HTTP 418 Teapot"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_outcome out = put_with(rows[i].status, rows[i].code, "");
        if (strcmp(rows[i].code, "Teapot") == 0) /* a server's own words are shown */
            assert_int_equal(out.result, STORE_FAILED);
        else
            check_error(out, rows[i].result, rows[i].text);
        assert_memory_equal(out.error, "s3://bucket: ", 13);
    }
}

static void a_server_that_repeats_a_token_is_not_repeated(void **state)
{
    struct store_outcome out;
    (void)state;
    setenv("AWS_SESSION_TOKEN", SECRET "-and-a-long-rest-of-a-session", 1);
    struct store *own = store;
    store = open_store("bucket", "");
    out = put_with(418, "Teapot", "");
    check_error(out, STORE_FAILED, "HTTP 418 Teapot");
    out = put_with(418, "of-a-long-rest-of-a-session", "");
    check_error(out, STORE_FAILED, "HTTP 418");
    assert_null(strstr(out.error, "session"));
    out = put_with(301, "", "x-amz-bucket-region: " SECRET "-and-a\r\n");
    assert_null(strstr(out.error, "-and-a"));
    store_close(store);
    store = own;
}

static void another_region_is_named(void **state)
{
    (void)state;
    check_error(put_with(301, "PermanentRedirect", "x-amz-bucket-region: eu-west-3\r\n"),
                STORE_FAILED, "the region is eu-west-3 and not us-east-1: say region=eu-west-3");
    check_error(put_with(400, "AuthorizationHeaderMalformed", "x-amz-bucket-region: eu-west-3\r\n"),
                STORE_FAILED, "say region=eu-west-3");
    check_error(put_with(307, "TemporaryRedirect", "Location: http://127.0.0.1:1/x\r\n"),
                STORE_FAILED, "the bucket is not in region us-east-1");
    assert_int_equal(n_seen, 1);
}

static void an_object_that_is_there_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(put_with(412, "PreconditionFailed", "").result, STORE_THERE);
}

static enum httpd_action hang_up(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    (void)r;
    return HTTPD_RESET;
}

static void a_connection_that_breaks_is_tried_again(void **state)
{
    (void)state;
    server->handle = hang_up;
    check_error(put(store, KEY, "x", 1), STORE_RETRY, "http://127.0.0.1");
}

/* ── The clock ── */

static void hour_ahead(struct httpd_request *r, int n)
{
    char fields[128], date[64];
    time_t now = time(NULL) + 3600;
    struct tm tm, said = {0};
    (void)n;
    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    snprintf(fields, sizeof(fields), "Date: %s\r\n", date);
    if (strptime(httpd_field(r, "x-amz-date"), "%Y%m%dT%H%M%SZ", &said) != NULL &&
        llabs((long long)(timegm(&said) - now)) < 900)
        reply(r, 200, fields, "");
    else
        reply(r, 403, fields, "<Error><Code>RequestTimeTooSkewed</Code></Error>");
}

static void a_wrong_clock_is_set_by_the_servers(void **state)
{
    (void)state;
    answer = hour_ahead;
    check_error(put(store, KEY, "x", 1), STORE_RETRY, "clock differs by 3");
    assert_int_equal(put(store, KEY, "x", 1).result, STORE_OK);
}

/* Both were signed before either was answered. */
static void of_two_requests_both_are_tried_again(void **state)
{
    struct store_object object = {.key = STR(KEY), .digest = putting_digest("x", 1), .size = 1};
    struct putting sources[2] = {{.data = "x", .len = 1}, {.data = "x", .len = 1}};
    struct store_put *puts[2];
    struct store_outcome out[2];
    bool done[2] = {false, false};
    (void)state;
    answer = hour_ahead;
    for (size_t i = 0; i < 2; i++)
        puts[i] = store_put_begin(store, client, &object, putting_read, &sources[i]);
    while (!done[0] || !done[1]) {
        for (size_t i = 0; i < 2; i++)
            done[i] = done[i] || store_put_turn(puts[i], &out[i]);
        exchange_turn(client, 5);
        for (size_t i = 0; i < 2; i++)
            store_put_resume(puts[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        store_put_end(puts[i]);
        check_error(out[i], STORE_RETRY, "clock differs by 3");
    }
}

static void a_success_that_is_an_error_is_none(void **state)
{
    (void)state;
    check_error(put_with(200, "InternalError", ""), STORE_RETRY, "InternalError");
    check_error(put_with(200, "AccessDenied", ""), STORE_FAILED, "no permission");
}

static void a_clock_that_is_right_is_not_set_in_circles(void **state)
{
    (void)state;
    check_error(put_with(403, "RequestTimeTooSkewed", ""), STORE_FAILED, "clock is wrong");
}

/* ── Lists ── */

static void two_pages(struct httpd_request *r, int n)
{
    if (n == 0)
        reply(r, 200, "",
              "<ListBucketResult><IsTruncated>true</IsTruncated>"
              "<NextContinuationToken>t/+=</NextContinuationToken><Contents>"
              "<Key>pre/images/sha256:1</Key><Size>1</Size></Contents><Contents>"
              "<Key>other/x</Key><Size>5</Size></Contents></ListBucketResult>");
    else
        reply(r, 200, "",
              "<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
              "<Key>pre/images/sha256:2</Key><Size>2</Size></Contents></ListBucketResult>");
}

static bool note(void *owner, struct str key, int64_t size)
{
    char *text = owner;
    size_t n = strlen(text);
    snprintf(text + n, 256 - n, "%.*s %lld;", (int)key.len, key.data, (long long)size);
    return strstr(text, "stop") == NULL;
}

static void all_pages_are_listed_without_the_prefix(void **state)
{
    char text[256] = "";
    (void)state;
    answer = two_pages;
    struct store *s = open_store("bucket/pre", "");
    assert_int_equal(list(s, note, text).result, STORE_OK);
    assert_string_equal(text, "images/sha256:1 1;images/sha256:2 2;");
    assert_string_equal(seen[0].line,
                        "GET /bucket/?encoding-type=url&list-type=2&prefix=pre%2Fimages%2F");
    assert_string_equal(seen[1].line, "GET /bucket/?continuation-token=t%2F%2B%3D&encoding-type="
                                      "url&list-type=2&prefix=pre%2Fimages%2F");
    store_close(s);
}

static void same_page(struct httpd_request *r, int n)
{
    (void)n;
    two_pages(r, 0);
}

static void pages_that_do_not_end_are_not_read_for_ever(void **state)
{
    char text[256] = "";
    (void)state;
    answer = same_page;
    struct store *s = open_store("bucket/pre", "");
    check_error(list(s, note, text), STORE_FAILED, "pages do not end");
    assert_int_equal(n_seen, 2);
    store_close(s);
}

/* Always another token: what the pages name is in *code_now. */
static void ever_new_page(struct httpd_request *r, int n)
{
    char page[512];
    snprintf(page, sizeof(page),
             "<ListBucketResult><IsTruncated>true</IsTruncated>"
             "<NextContinuationToken>%d</NextContinuationToken>%s</ListBucketResult>",
             n, code_now);
    reply(r, 200, "", page);
}

static void pages_that_say_the_same_again_or_nothing_do_not_go_on_for_ever(void **state)
{
    static const char *const said[] = {
        "<Contents><Key>pre/images/sha256:1</Key><Size>1</Size></Contents>", ""};
    (void)state;
    answer = ever_new_page;
    struct store *s = open_store("bucket/pre", "");
    for (size_t i = 0; i < 2; i++) {
        char text[256] = "";
        code_now = said[i];
        check_error(list(s, note, text), STORE_FAILED, "pages do not end");
    }
    store_close(s);
}

static bool enough(void *owner, struct str key, int64_t size)
{
    note(owner, key, size);
    return false;
}

static void a_listing_ends_where_it_is_told_to(void **state)
{
    char text[256] = "";
    (void)state;
    answer = two_pages;
    struct store *s = open_store("bucket/pre", "");
    assert_int_equal(list(s, enough, text).result, STORE_OK);
    assert_string_equal(text, "images/sha256:1 1;");
    assert_int_equal(n_seen, 1);
    store_close(s);
}

static void a_page(struct httpd_request *r, int n)
{
    (void)n;
    reply(r, status_now, "", code_now);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const bodies[] = {
        "<html><body>Welcome to nginx</body></html>", "", "not XML", "<ListBucketResult>",
        "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult>&a;</ListBucketResult>"};
    char text[256] = "";
    (void)state;
    answer = a_page;
    status_now = 200;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        code_now = bodies[i];
        check_error(list(store, note, text), STORE_FAILED, "not understood");
    }
    status_now = 404;
    check_error(list(store, note, text), STORE_FAILED, "404 to a listing");
    assert_string_equal(text, "");
}

/* ── Reading ── */

static void an_object(struct httpd_request *r, int n)
{
    (void)n;
    bool same = strcmp(httpd_field(r, "if-none-match"), "\"e1\"") == 0;
    if (strstr(r->path, "none") != NULL)
        reply_error(r, 404, "NoSuchKey");
    else
        reply(r, same ? 304 : 200, "ETag: \"e1\"\r\n", same ? "" : "hello");
}

static void a_small_object_is_read_with_its_etag(void **state)
{
    struct store_content content;
    struct store_outcome out;
    (void)state;
    answer = an_object;
    store_get(store, client, &(struct store_get){STR("x"), NULL, 5}, &content, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_string_equal(content.data, "hello");
    assert_string_equal(content.etag, "\"e1\"");
    free(content.data);
    store_get(store, client, &(struct store_get){STR("x"), "\"e1\"", 5}, &content, &out);
    assert_int_equal(out.result, STORE_THERE);
    assert_null(content.data);
    store_get(store, client, &(struct store_get){STR("none"), NULL, 5}, &content, &out);
    assert_int_equal(out.result, STORE_MISSING);
    store_get(store, client, &(struct store_get){STR("x"), NULL, 4}, &content, &out);
    check_error(out, STORE_FAILED, "more than the 4 bytes");
    assert_null(content.data);
}

/* ── URLs ── */

static void urls_that_do_not_fit_say_what_was_expected(void **state)
{
    static const char *const rows[][2] = {
        {"s3://b", "expected the name of a bucket"},
        {"s3://", "expected the name of a bucket"},
        {"s3://bucket", "the region is not known: say region="},
        {"s3://bucket?region=a/b", "this is no region"},
        {"s3://bucket?regin=x", "\"regin\" is no parameter: expected region"},
        {"s3://bucket?endpoint=ftp://x", "endpoint \"ftp://x\": expected"},
        {"s3://bucket?endpoint=http://x&path-style=1", "path-style=1: expected true or false"},
        {"s3://bucket?endpoint=http://x&part-size=1MiB", "part-size=1MiB: expected 5MiB to 5GiB"},
        {"s3://bucket?endpoint=http://x&parts-above=6GiB", "expected 5MiB to 5GiB"},
        {"s3://bucket?endpoint=http://x&profile=none", "the profile \"none\" is in no file"},
    };
    char error[256];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(store_open(rows[i][0], error));
        if (strstr(error, rows[i][1]) == NULL)
            fail_msg("%s: \"%s\", expected \"%s\"", rows[i][0], error, rows[i][1]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_put_says_what_it_holds_and_replaces_nothing),
        TEST(what_may_be_replaced_is_sent_without_a_condition),
        TEST(another_algorithm_is_sent_unsigned),
        TEST(a_bucket_can_stand_in_the_hosts_name),
        TEST(a_token_is_sent_with_its_keys),
        TEST(a_store_without_conditions_is_asked_first_from_then_on),
        TEST(where_nothing_was_sent_yet_no_attempt_is_lost),
        TEST(a_small_object_is_set_without_conditions_at_once),
        TEST(what_may_pass_is_tried_again),
        TEST(retry_after_is_heard_in_both_forms),
        TEST(what_will_not_pass_says_what_to_do),
        TEST(a_server_that_repeats_a_token_is_not_repeated),
        TEST(another_region_is_named),
        TEST(an_object_that_is_there_is_no_error),
        TEST(a_connection_that_breaks_is_tried_again),
        TEST(a_wrong_clock_is_set_by_the_servers),
        TEST(of_two_requests_both_are_tried_again),
        TEST(a_success_that_is_an_error_is_none),
        TEST(a_clock_that_is_right_is_not_set_in_circles),
        TEST(all_pages_are_listed_without_the_prefix),
        TEST(pages_that_do_not_end_are_not_read_for_ever),
        TEST(pages_that_say_the_same_again_or_nothing_do_not_go_on_for_ever),
        TEST(a_listing_ends_where_it_is_told_to),
        TEST(what_is_no_list_is_refused),
        TEST(a_small_object_is_read_with_its_etag),
        TEST(urls_that_do_not_fit_say_what_was_expected),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
