#include "mirror/audit.h"

#include "bucket.h"

#include <signal.h>

#define BLOBS 20000

/* Spread as real ones are. */
static struct digest digest_number(uint32_t n)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    n *= 2654435761U;
    for (int i = 0; i < 4; i++)
        d.bytes[i] = (uint8_t)(n >> (24 - 8 * i));
    return d;
}

static unsigned times_due(uint32_t n, uint32_t sample, int64_t first, unsigned days)
{
    unsigned times = 0;
    struct digest d = digest_number(n);
    for (unsigned i = 0; i < days; i++)
        times += audit_is_due(&d, sample, first + i);
    return times;
}

static void a_hundredth_takes_a_hundred_days_for_each_blob_once(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < BLOBS; n++)
        assert_int_equal(times_due(n, 10000, 20778, 100), 1);
}

static void as_many_days_as_a_sample_needs_cover_everything(void **state)
{
    static const struct {
        uint32_t sample;
        unsigned days;
    } cases[] = {{300000, 4}, {333333, 4}, {70000, 15}, {999999, 2}, {500000, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint32_t n = 0; n < BLOBS; n++)
            assert_true(times_due(n, cases[i].sample, 20778, cases[i].days) >= 1);
}

static void a_sample_is_about_as_large_as_it_says(void **state)
{
    static const uint32_t samples[] = {10000, 100000, 500000};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int64_t day = 20778; day < 20782; day++) {
            uint64_t due = 0, meant = (uint64_t)BLOBS * samples[i] / AUDIT_ALL;
            for (uint32_t n = 0; n < BLOBS; n++)
                due += times_due(n, samples[i], day, 1);
            assert_in_range(due, meant * 9 / 10, meant * 11 / 10);
        }
}

static void everything_is_everything_on_every_day(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < BLOBS; n += 97)
        assert_int_equal(times_due(n, AUDIT_ALL, 20778, 10), 10);
}

/* ── A store that does what real ones cannot be made to do ── */

#define BLOB "containers/images/sha256:"
#define HELLO BLOB "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static char told[512];

static void tell(void *owner, const struct audit_finding *f)
{
    size_t n = strlen(told);
    (void)owner;
    snprintf(told + n, sizeof(told) - n, "%d %.*s %lld;", f->kind, (int)f->key.len, f->key.data,
             (long long)f->size);
}

static void reply_list(struct httpd_request *r, const char *const *keys, bool more)
{
    char body[1024] = "<ListBucketResult>";
    const char *token = *keys;
    for (; *keys != NULL; keys++) {
        size_t n = strlen(body);
        snprintf(body + n, sizeof(body) - n, "<Contents><Key>%s</Key><Size>5</Size></Contents>",
                 *keys);
    }
    size_t n = strlen(body);
    snprintf(body + n, sizeof(body) - n,
             "<IsTruncated>%s</IsTruncated><NextContinuationToken>%s</NextContinuationToken>"
             "</ListBucketResult>",
             more ? "true" : "false", token);
    reply(r, 200, "", body);
}

static uint64_t run_audit(struct audit_status *status)
{
    const char *why;
    const struct audit_options options = {.store = &store,
                                          .n_stores = 1,
                                          .blobs = "containers/images/",
                                          .sample = AUDIT_ALL,
                                          .jobs = 2,
                                          .stop = &stop,
                                          .found = tell};
    told[0] = '\0';
    struct audit *a = audit_new(&options);
    assert_non_null(a);
    assert_true(audit_run(a, &why));
    audit_status(a, status);
    uint64_t failures = report_failures(audit_report(a));
    audit_free(a);
    return failures;
}

/* The third page fails once; the pages before it come again. */
static void breaks_off_once(struct httpd_request *r, int n)
{
    static const char *const page[][3] = {{"containers/images/a", "containers/images/b", NULL},
                                          {"containers/images/c", NULL},
                                          {"containers/images/d", NULL}};
    if (n == 2)
        reply_error(r, 503, "SlowDown");
    else
        reply_list(r, page[n % 3], n % 3 < 2);
}

static void what_a_repeated_listing_names_again_is_told_once(void **state)
{
    struct audit_status s;
    (void)state;
    answer = breaks_off_once;
    assert_int_equal(run_audit(&s), 0);
    assert_string_equal(told, "1 containers/images/a 5;1 containers/images/b 5;"
                              "1 containers/images/c 5;1 containers/images/d 5;");
    assert_int_equal(s.listed, 4);
    assert_int_equal(s.foreign, 4);
    assert_int_equal(s.retries, 1);
    assert_int_equal(n_seen, 6);
}

static int status_of_get;
static const char *body_of_get;

static void one_object(struct httpd_request *r, int n)
{
    (void)n;
    if (strstr(r->path, "list-type") != NULL)
        reply_list(r, (const char *const[]){"containers/images/", HELLO, NULL}, false);
    else if (status_of_get == 200)
        reply(r, 200, "", body_of_get);
    else
        reply_error(r, status_of_get, status_of_get == 404 ? "NoSuchKey" : "AccessDenied");
}

static uint64_t run_with(int status, const char *body, struct audit_status *s)
{
    status_of_get = status;
    body_of_get = body;
    answer = one_object;
    return run_audit(s);
}

static void only_bytes_that_were_read_are_damaged(void **state)
{
    struct audit_status s;
    (void)state;
    assert_int_equal(run_with(200, "hello", &s), 0);
    assert_string_equal(told, "");
    assert_int_equal(s.read, 1);
    assert_int_equal(run_with(200, "hallo", &s), 0);
    assert_string_equal(told, "0 " HELLO " 5;");
    assert_int_equal(run_with(200, "", &s), 0);
    assert_string_equal(told, "0 " HELLO " 0;");
}

static void what_is_gone_since_it_was_listed_is_not_damaged(void **state)
{
    struct audit_status s;
    (void)state;
    assert_int_equal(run_with(404, NULL, &s), 0);
    assert_string_equal(told, "");
    assert_int_equal(s.damaged, 0);
}

static void what_cannot_be_read_is_a_failure_and_not_damaged(void **state)
{
    struct audit_status s;
    (void)state;
    assert_int_equal(run_with(403, NULL, &s), 1);
    assert_string_equal(told, "");
    assert_int_equal(s.damaged, 0);
}

/* It might have no end. */
static void what_is_longer_than_it_was_listed_is_not_read_to_its_end(void **state)
{
    struct audit_status s;
    (void)state;
    assert_int_equal(run_with(200, "hello, and more", &s), 1);
    assert_string_equal(told, "");
    assert_int_equal(s.read, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundredth_takes_a_hundred_days_for_each_blob_once),
        cmocka_unit_test(as_many_days_as_a_sample_needs_cover_everything),
        cmocka_unit_test(a_sample_is_about_as_large_as_it_says),
        cmocka_unit_test(everything_is_everything_on_every_day),
        TEST(what_a_repeated_listing_names_again_is_told_once),
        TEST(only_bytes_that_were_read_are_damaged),
        TEST(what_is_gone_since_it_was_listed_is_not_damaged),
        TEST(what_cannot_be_read_is_a_failure_and_not_damaged),
        TEST(what_is_longer_than_it_was_listed_is_not_read_to_its_end),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
