#include "ranges/updater.h"

#include "directory.h"
#include "sys/clock.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define AWS                                                                                        \
    "{\"prefixes\":[{\"ip_prefix\":\"192.0.2.0/24\",\"region\":\"a\"}],\"ipv6_prefixes\":[]}"
#define GCP "{\"prefixes\":[{\"ipv4Prefix\":\"198.51.100.0/24\",\"scope\":\"g\"}]}"
#define AZURE                                                                                      \
    "{\"values\":[{\"name\":\"AzureCloud.x\",\"properties\":{\"region\":\"x\","                    \
    "\"addressPrefixes\":[\"203.0.113.0/24\"]}}]}"
#define HOUR (3600 * CLOCK_S)
#define ETAG "\"v1\""
#define OFTEN (CLOCK_S / 5)

/* The servers: how often they were asked, without a condition, and how often they gave up; and what
 * they do: refuse, hang, tell versions apart. */
static atomic_int asked, unconditional, given_up, refuse, hang, hanging, versions;

static void a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = CLOCK_MS}, NULL);
}

static bool answer(const struct fetch_request *request, struct fetch_response *response,
                   char error[256])
{
    const char *body = strstr(request->url, "amazonaws") != NULL ? AWS
                       : strstr(request->url, "gstatic") != NULL ? GCP
                                                                 : AZURE;
    atomic_fetch_add(&asked, 1);
    atomic_fetch_add(&unconditional, request->etag == NULL && request->modified_since == 0);
    atomic_fetch_add(&hanging, 1);
    while (atomic_load(&hang) && !atomic_load(request->stop))
        a_moment();
    atomic_fetch_sub(&hanging, 1);
    if (atomic_load(&refuse) || atomic_load(request->stop)) {
        atomic_fetch_add(&given_up, atomic_load(request->stop));
        snprintf(error, 256, "refused");
        return false;
    }
    *response = (struct fetch_response){.status = 200};
    if (atomic_load(&versions))
        strcpy(response->etag, ETAG);
    if (request->etag != NULL && strcmp(request->etag, ETAG) == 0) {
        response->status = 304;
        return true;
    }
    response->body = strdup(body);
    response->len = strlen(body);
    return true;
}

/* The servers of another updater. */
static atomic_int other_asked;

static bool answer_other(const struct fetch_request *request, struct fetch_response *response,
                         char error[256])
{
    (void)request;
    (void)response;
    atomic_fetch_add(&other_asked, 1);
    snprintf(error, 256, "refused");
    return false;
}

void fetch_release(struct fetch_response *response)
{
    free(response->body);
    response->body = NULL;
}

bool fetch_get(const struct fetch_request *request, struct fetch_response *response,
               char error[256])
{
    return answer(request, response, error);
}

static struct directory dir;

static int make(void **state)
{
    (void)state;
    directory_make(&dir);
    asked = unconditional = given_up = refuse = hang = hanging = versions = other_asked = 0;
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    directory_remove(&dir);
    return 0;
}

static struct updater_options settings(const char *directory, int64_t refresh)
{
    return (struct updater_options){.directory = directory,
                                    .refresh = refresh,
                                    .max_shrink = 20,
                                    .retry = 20 * CLOCK_MS,
                                    .get = answer};
}

static struct updater *start(const char *directory, int64_t refresh)
{
    const char *why;
    const struct updater_options options = settings(directory, refresh);
    struct updater *u = updater_new(&options, &why);
    assert_non_null(u);
    assert_true(updater_start(u, &why));
    return u;
}

static struct ranges *wait_for_ranges(struct updater *u)
{
    struct pollfd p = {.fd = updater_fd(u), .events = POLLIN};
    if (poll(&p, 1, 10000) != 1)
        fail_msg("nothing was offered within 10 s");
    return updater_take(u);
}

static void wait_for(const atomic_int *count, int least, const char *what)
{
    int64_t deadline = clock_now() + 10 * CLOCK_S;
    while (atomic_load(count) < least) {
        if (clock_now() > deadline)
            fail_msg("%s: %d in 10 s, expected %d", what, atomic_load(count), least);
        a_moment();
    }
}

static void wait_until_asked(int times)
{
    wait_for(&asked, times, "downloads");
}

static void wait_until_failing(struct updater *u, bool failing)
{
    int64_t deadline = clock_now() + 10 * CLOCK_S;
    struct updater_status status;
    updater_status(u, &status);
    while (status.failing != failing) {
        if (clock_now() > deadline)
            fail_msg("failing was %d for 10 s", status.failing);
        a_moment();
        updater_status(u, &status);
    }
}

static bool is_offered(const struct updater *u)
{
    struct pollfd p = {.fd = updater_fd(u), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Until another updater, started now, has tried all its files and then, OFTEN later, all of them
 * again, so many times: what would come of its own by then has come. */
static void let_another_try_again(int times)
{
    const char *why;
    const struct updater_options options = {
        .directory = "/dev/null/other", .refresh = OFTEN, .retry = OFTEN, .get = answer_other};
    struct updater *other = updater_new(&options, &why);
    assert_non_null(other);
    assert_true(updater_start(other, &why));
    wait_for(&other_asked, SOURCE_COUNT * (times + 1), "downloads of another updater");
    updater_stop(other);
}

static void configure(struct updater *u, const char *directory, int64_t refresh)
{
    const struct updater_options options = settings(directory, refresh);
    updater_configure(u, &options);
}

static void what_is_missing_is_fetched_at_once_and_offered_once(void **state)
{
    (void)state;
    struct updater_status status;
    struct updater *u = start(dir.path, HOUR);
    struct ranges *r = wait_for_ranges(u);
    assert_non_null(r);
    assert_int_equal(r->n_ranges, 3);
    assert_int_equal(r->n_files, 3);
    let_another_try_again(1);
    assert_int_equal(atomic_load(&asked), 3);
    assert_null(updater_take(u));
    updater_status(u, &status);
    assert_int_equal(status.updates, 3);
    assert_int_equal(status.failures, 0);
    assert_true(status.last_success > 0);
    assert_false(status.failing);
    assert_int_equal(access(directory_file(&dir, "azure-service-tags.json"), R_OK), 0);
    ranges_free(r);
    updater_stop(u);
}

static void what_is_young_enough_is_left_alone(void **state)
{
    (void)state;
    directory_write(&dir, "aws-ip-ranges.json", AWS);
    directory_write(&dir, "gcp-cloud.json", GCP);
    directory_write(&dir, "azure-service-tags.json", AZURE);
    struct updater *u = start(dir.path, HOUR);
    let_another_try_again(1);
    assert_int_equal(atomic_load(&asked), 0);
    updater_stop(u);
}

static void what_is_current_is_checked_again_and_not_offered(void **state)
{
    (void)state;
    struct updater *u = start(dir.path, OFTEN);
    ranges_free(wait_for_ranges(u));
    wait_until_asked(7);
    assert_false(is_offered(u));
    updater_stop(u);
}

static void zero_means_never(void **state)
{
    (void)state;
    struct updater *u = start(dir.path, 0);
    let_another_try_again(1);
    assert_int_equal(atomic_load(&asked), 0);
    updater_stop(u);
}

static void updates_that_are_switched_off_end_with_the_download_on_its_way(void **state)
{
    (void)state;
    struct updater *u = start(dir.path, OFTEN);
    ranges_free(wait_for_ranges(u));
    hang = 1;
    wait_for(&hanging, 1, "downloads that hang");
    int before = atomic_load(&asked);
    configure(u, dir.path, 0);
    hang = 0;
    let_another_try_again(2);
    assert_int_equal(atomic_load(&asked), before);
    configure(u, dir.path, OFTEN);
    wait_until_asked(before + 1);
    updater_stop(u);
}

static void assert_reload_keeps_a_download(int64_t refresh)
{
    struct updater_status status;
    asked = 0;
    hang = 1;
    unlink(directory_file(&dir, "aws-ip-ranges.json"));
    struct updater *u = start(dir.path, HOUR);
    wait_for(&hanging, 1, "downloads that hang");
    configure(u, dir.path, refresh);
    hang = 0;
    struct ranges *r = wait_for_ranges(u);
    assert_non_null(r);
    assert_int_equal(r->n_ranges, 3);
    ranges_free(r);
    updater_status(u, &status);
    assert_int_equal(status.updates, 1);
    updater_stop(u);
    assert_int_equal(atomic_load(&asked), 1);
}

static void a_download_on_its_way_is_offered_though_a_reload_changes_refresh(void **state)
{
    (void)state;
    directory_write(&dir, "gcp-cloud.json", GCP);
    directory_write(&dir, "azure-service-tags.json", AZURE);
    assert_reload_keeps_a_download(2 * HOUR);
    assert_reload_keeps_a_download(0);
}

static void a_failure_is_over_when_updates_are_switched_off(void **state)
{
    (void)state;
    refuse = 1;
    struct updater *u = start(dir.path, HOUR);
    wait_until_failing(u, true);
    configure(u, dir.path, 2 * HOUR);
    wait_until_asked(atomic_load(&asked) + SOURCE_COUNT + 1);
    wait_until_failing(u, true);
    configure(u, dir.path, 0);
    wait_until_failing(u, false);
    updater_stop(u);
}

static void a_failure_is_counted_and_tried_again_until_it_works(void **state)
{
    (void)state;
    struct updater_status status;
    refuse = 1;
    struct updater *u = start(dir.path, HOUR);
    wait_until_asked(6);
    updater_status(u, &status);
    assert_true(status.failures >= 3);
    assert_int_equal(status.updates, 0);
    assert_int_equal(status.last_success, 0);
    assert_true(status.failing);
    refuse = 0;
    size_t n = 0;
    while (n < 3) {
        struct ranges *r = wait_for_ranges(u);
        assert_non_null(r);
        assert_true(r->n_ranges > n);
        n = r->n_ranges;
        ranges_free(r);
    }
    updater_status(u, &status);
    assert_int_equal(status.updates, 3);
    assert_false(status.failing);
    updater_stop(u);
}

static void where_nothing_can_be_written_the_data_is_held_and_survives_a_reload(void **state)
{
    (void)state;
    struct diag d = {0};
    struct updater *u = start("/dev/null/ranges", HOUR);
    struct ranges *r = wait_for_ranges(u);
    assert_int_equal(r->n_ranges, 3);
    ranges_free(r);
    r = updater_load(u, "/dev/null/ranges", &d);
    assert_int_equal(r->n_ranges, 3);
    assert_string_equal(r->file[0].name, "aws-ip-ranges.json");
    ranges_free(r);
    assert_int_equal(d.n, 0);
    r = updater_load(u, dir.path, &d);
    assert_int_equal(r->n_ranges, 0);
    ranges_free(r);
    diag_clear(&d);
    updater_stop(u);
}

static void what_is_held_is_asked_for_again_only_if_it_is_newer(void **state)
{
    (void)state;
    versions = 1;
    struct updater *u = start("/dev/null/ranges", OFTEN);
    ranges_free(wait_for_ranges(u));
    wait_until_asked(10);
    assert_int_equal(atomic_load(&unconditional), 3);
    assert_false(is_offered(u));
    updater_stop(u);
}

static void what_is_held_is_not_offered_again_where_the_server_tells_no_versions_apart(void **state)
{
    (void)state;
    struct updater *u = start("/dev/null/ranges", OFTEN);
    ranges_free(wait_for_ranges(u));
    wait_until_asked(10);
    assert_int_equal(atomic_load(&unconditional), atomic_load(&asked));
    assert_false(is_offered(u));
    updater_stop(u);
}

static void what_was_offered_of_another_directory_is_forgotten(void **state)
{
    (void)state;
    struct updater *u = start("/dev/null/ranges", HOUR);
    struct pollfd p = {.fd = updater_fd(u), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    refuse = 1;
    configure(u, dir.path, HOUR);
    assert_null(updater_take(u));
    updater_stop(u);
}

static void another_directory_counts_at_once_and_what_was_held_is_forgotten(void **state)
{
    (void)state;
    struct diag d = {0};
    struct updater *u = start("/dev/null/ranges", HOUR);
    ranges_free(wait_for_ranges(u));
    refuse = 1;
    configure(u, dir.path, HOUR);
    struct ranges *r = updater_load(u, dir.path, &d);
    assert_int_equal(r->n_ranges, 0);
    ranges_free(r);
    diag_clear(&d);
    wait_until_asked(6);
    updater_stop(u);
}

static void stopping_does_not_wait_for_a_server_that_hangs(void **state)
{
    (void)state;
    hang = 1;
    struct updater *u = start(dir.path, HOUR);
    wait_until_asked(1);
    updater_stop(u);
    assert_int_equal(atomic_load(&given_up), 1);
    assert_int_equal(atomic_load(&asked), 1);
    updater_stop(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(what_is_missing_is_fetched_at_once_and_offered_once),
        TEST(what_is_young_enough_is_left_alone),
        TEST(what_is_current_is_checked_again_and_not_offered),
        TEST(zero_means_never),
        TEST(updates_that_are_switched_off_end_with_the_download_on_its_way),
        TEST(a_download_on_its_way_is_offered_though_a_reload_changes_refresh),
        TEST(a_failure_is_over_when_updates_are_switched_off),
        TEST(a_failure_is_counted_and_tried_again_until_it_works),
        TEST(where_nothing_can_be_written_the_data_is_held_and_survives_a_reload),
        TEST(what_is_held_is_asked_for_again_only_if_it_is_newer),
        TEST(what_is_held_is_not_offered_again_where_the_server_tells_no_versions_apart),
        TEST(what_was_offered_of_another_directory_is_forgotten),
        TEST(another_directory_counts_at_once_and_what_was_held_is_forgotten),
        TEST(stopping_does_not_wait_for_a_server_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
