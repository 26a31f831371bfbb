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

static atomic_int asked, refuse, hang;

static bool answer(const struct fetch_request *request, struct fetch_response *response,
                   char error[256])
{
    const char *body = strstr(request->url, "amazonaws") != NULL ? AWS
                       : strstr(request->url, "gstatic") != NULL ? GCP
                                                                 : AZURE;
    atomic_fetch_add(&asked, 1);
    while (atomic_load(&hang) && !atomic_load(request->stop))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (atomic_load(&refuse) || atomic_load(request->stop)) {
        snprintf(error, 256, "refused");
        return false;
    }
    *response = (struct fetch_response){.status = 200, .body = strdup(body), .len = strlen(body)};
    return true;
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
    asked = refuse = hang = 0;
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    directory_remove(&dir);
    return 0;
}

static struct updater *start(const char *directory, int64_t refresh)
{
    const char *why;
    const struct updater_options options = {.directory = directory,
                                            .refresh = refresh,
                                            .max_shrink = 20,
                                            .retry = 20 * CLOCK_MS,
                                            .get = answer};
    struct updater *u = updater_start(&options, &why);
    assert_non_null(u);
    return u;
}

static struct ranges *wait_for_ranges(struct updater *u)
{
    struct pollfd p = {.fd = updater_fd(u), .events = POLLIN};
    if (poll(&p, 1, 10000) != 1)
        fail_msg("nothing was offered within 10 s");
    return updater_take(u);
}

static void wait_until_asked(int times)
{
    int64_t deadline = clock_now() + 10 * CLOCK_S;
    while (atomic_load(&asked) < times) {
        if (clock_now() > deadline)
            fail_msg("asked %d times in 10 s, expected %d", atomic_load(&asked), times);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void assert_quiet(struct updater *u, int milliseconds)
{
    int before = atomic_load(&asked);
    struct pollfd p = {.fd = updater_fd(u), .events = POLLIN};
    assert_int_equal(poll(&p, 1, milliseconds), 0);
    assert_int_equal(atomic_load(&asked), before);
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
    assert_null(updater_take(u));
    assert_quiet(u, 50);
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
    assert_quiet(u, 100);
    assert_int_equal(atomic_load(&asked), 0);
    updater_stop(u);
}

static void what_is_current_is_checked_again_and_not_offered(void **state)
{
    (void)state;
    struct updater *u = start(dir.path, CLOCK_S / 5);
    ranges_free(wait_for_ranges(u));
    wait_until_asked(6);
    struct pollfd p = {.fd = updater_fd(u), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
    updater_stop(u);
}

static void zero_means_never(void **state)
{
    (void)state;
    struct updater *u = start(dir.path, 0);
    assert_quiet(u, 100);
    assert_int_equal(atomic_load(&asked), 0);
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

static void another_directory_counts_at_once_and_what_was_held_is_forgotten(void **state)
{
    (void)state;
    struct diag d = {0};
    struct updater *u = start("/dev/null/ranges", HOUR);
    ranges_free(wait_for_ranges(u));
    refuse = 1;
    updater_configure(u, &(struct updater_options){
                             .directory = dir.path, .refresh = HOUR, .retry = HOUR, .get = answer});
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
    int64_t begin = clock_now();
    updater_stop(u);
    assert_true(clock_now() - begin < 2 * CLOCK_S);
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
        TEST(a_failure_is_counted_and_tried_again_until_it_works),
        TEST(where_nothing_can_be_written_the_data_is_held_and_survives_a_reload),
        TEST(another_directory_counts_at_once_and_what_was_held_is_forgotten),
        TEST(stopping_does_not_wait_for_a_server_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
