/*
 * Listing a large bucket: a stand-in for S3 that answers ListObjectsV2 for as many keys as a test
 * says.
 */
#include "mirror/inventory.h"

#include "httpd.h"

#include "check.h"

#define BLOBS "containers/images/"
#define N_MAX 50000
#define PAGE 1000
#define KEY_MAX 192

static char key[N_MAX][KEY_MAX]; /* sorted */
static size_t n_keys;
static atomic_int forbidden; /* answers from now on are 403 */
static struct httpd *server;
static struct store *store;
static struct catalog *catalog;
static struct report report;
static struct crew *crew;
static atomic_bool stop;

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void make_keys(size_t n, size_t n_512, const char *before)
{
    srandom(7);
    n_keys = n + n_512;
    for (size_t i = 0; i < n_keys; i++) {
        size_t at = (size_t)snprintf(key[i], KEY_MAX, "%ssha%d:", before, i < n ? 256 : 512);
        for (size_t k = 0; k < (i < n ? 8 : 16); k++)
            at += (size_t)snprintf(key[i] + at, KEY_MAX - at, "%08lx",
                                   (unsigned long)random() * 3 & 0xffffffff);
    }
    qsort(key, n_keys, KEY_MAX, compare);
}

/* The value of a parameter, decoded; "" if there is none. */
static void parameter(const char *path, const char *name, char out[KEY_MAX])
{
    const char *at = strstr(path, name);
    size_t n = 0;
    for (at = at != NULL ? at + strlen(name) : ""; *at != '\0' && *at != '&'; at++) {
        unsigned c = (unsigned char)*at;
        if (c == '%' && sscanf(at + 1, "%2x", &c) == 1)
            at += 2;
        out[n++] = (char)c;
    }
    out[n] = '\0';
}

static enum httpd_action answer(struct httpd *s, struct httpd_request *r)
{
    char prefix[KEY_MAX], token[KEY_MAX];
    static const char head[] = "HTTP/1.1 200 x\r\nContent-Length: %8zu\r\n\r\n";
    size_t first = 0, n = 0, before = sizeof(head) + 2, at = before;
    (void)s;
    if (atomic_load(&forbidden) > 0)
        return httpd_status(r, 403);
    parameter(r->path, "&prefix=", prefix);
    parameter(r->path, "continuation-token=", token);
    first = strtoul(token, NULL, 10);
    at += (size_t)sprintf(r->answer + at, "<ListBucketResult>");
    for (; first < n_keys && n < PAGE; first++) {
        if (strncmp(key[first], prefix, strlen(prefix)) != 0)
            continue;
        at += (size_t)sprintf(r->answer + at, "<Contents><Key>%s</Key><Size>5</Size></Contents>",
                              key[first]);
        n++;
    }
    while (first < n_keys && strncmp(key[first], prefix, strlen(prefix)) != 0)
        first++;
    if (first < n_keys)
        at += (size_t)sprintf(r->answer + at,
                              "<IsTruncated>true</IsTruncated>"
                              "<NextContinuationToken>%zu</NextContinuationToken>",
                              first);
    at += (size_t)sprintf(r->answer + at, "</ListBucketResult>");
    char line[sizeof(head) + 16];
    int len = snprintf(line, sizeof(line), head, at - before);
    memmove(r->answer + len, r->answer + before, at - before);
    memcpy(r->answer, line, (size_t)len);
    r->answer_len = (size_t)len + at - before;
    return HTTPD_SEND;
}

static int setup(void **state)
{
    char url[256], error[256];
    const struct crew_queue_options queue = {.at_once = 8};
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    atomic_store(&forbidden, 0);
    server = httpd_start(answer, NULL);
    snprintf(url, sizeof(url), "s3://bucket?endpoint=%s", server->url);
    store = store_open(url, error);
    catalog = catalog_new();
    crew = crew_new(&(struct crew_options){8, &queue, 1, &(unsigned){8}, 1, &stop});
    report_open(&report);
    return store != NULL && catalog != NULL && crew != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    report_close(&report);
    crew_free(crew);
    catalog_free(catalog);
    store_close(store);
    httpd_stop(server);
    return 0;
}

static void drop(struct crew_task *task)
{
    inventory_drop(task);
}

static struct inventory list(void)
{
    const char *why;
    struct inventory v = {.store = &store,
                          .n_stores = 1,
                          .blobs = BLOBS,
                          .records = "",
                          .catalog = catalog,
                          .report = &report,
                          .crew = crew};
    assert_true(inventory_begin(&v));
    assert_true(crew_run(crew, drop, &why));
    return v;
}

/* Every key is known, and the requests for it were so many at most. */
static void check_all(int requests)
{
    bool first;
    struct catalog_blob blob;
    list();
    assert_int_equal(report_failures(&report), 0);
    for (size_t i = 0; i < n_keys; i++) {
        struct digest d;
        assert_int_equal(digest_parse(str_from(key[i] + strlen(BLOBS)), &d), DIGEST_OK);
        uint32_t number = catalog_blob(catalog, &d, -1, 0, &first);
        catalog_read_blob(catalog, number, &blob);
        assert_int_equal(blob.have, 1);
    }
    assert_in_range(atomic_load(&server->requests), 1, (unsigned)requests);
}

static void what_fits_in_a_page_is_one_request(void **state)
{
    (void)state;
    make_keys(900, 50, BLOBS);
    check_all(1);
}

static void an_empty_bucket_is_one_request(void **state)
{
    (void)state;
    make_keys(0, 0, BLOBS);
    check_all(1);
}

static void some_thousands_are_parted_by_one_digit(void **state)
{
    (void)state;
    make_keys(5000, 100, BLOBS);
    check_all(1 + 16 + 1);
}

static void many_are_parted_by_two_digits(void **state)
{
    (void)state;
    make_keys(N_MAX - 10, 10, BLOBS);
    check_all(1 + 256 + 1);
}

static void digests_that_are_not_spread_are_found_too(void **state)
{
    (void)state;
    make_keys(20000, 0, BLOBS);
    for (size_t i = 0; i < n_keys; i++)
        memset(key[i] + strlen(BLOBS "sha256:"), '0', 3);
    qsort(key, n_keys, KEY_MAX, compare);
    check_all(2000);
}

static void what_is_no_digest_is_passed_over(void **state)
{
    (void)state;
    make_keys(3, 0, BLOBS);
    snprintf(key[1], KEY_MAX, BLOBS "sha256:short");
    list();
    struct catalog_sums sums;
    bool first;
    struct digest d;
    digest_parse(str_from(key[0] + strlen(BLOBS)), &d);
    catalog_blob(catalog, &d, 5, 0, &first);
    catalog_sum(catalog, 1, &sums);
    assert_int_equal(sums.missing[0], 0);
    assert_int_equal(report_failures(&report), 0);
}

static void a_store_that_refuses_is_reported_once(void **state)
{
    (void)state;
    make_keys(5000, 0, BLOBS);
    atomic_store(&forbidden, 1);
    struct inventory v = list();
    assert_int_equal(report_failures(&report), 1);
    assert_int_equal(atomic_load(&v.failed), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_bucket_is_one_request),
        TEST(what_fits_in_a_page_is_one_request),
        TEST(some_thousands_are_parted_by_one_digit),
        TEST(many_are_parted_by_two_digits),
        TEST(digests_that_are_not_spread_are_found_too),
        TEST(what_is_no_digest_is_passed_over),
        TEST(a_store_that_refuses_is_reported_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
