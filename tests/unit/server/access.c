#include "server/access.h"

#include "check.h"

#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Ten seconds, for what takes milliseconds. */
#define TRIES 1000
#define PAUSE_US 10000

static char file[] = "/tmp/archeio-access-XXXXXX";
static char rotated[sizeof(file) + 2];

static int make_file(void **state)
{
    (void)state;
    strcpy(file, "/tmp/archeio-access-XXXXXX");
    int fd = mkstemp(file);
    if (fd < 0)
        return -1;
    close(fd);
    snprintf(rotated, sizeof(rotated), "%s.1", file);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    unlink(file);
    unlink(rotated);
    return 0;
}

/* How many lines a file holds, each a JSON object; *last becomes the bytes of the last one. */
static long count_lines(const char *name, json_int_t *last)
{
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    char line[65536];
    long n = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        json_t *parsed = json_loads(line, 0, NULL);
        assert_non_null(parsed);
        *last = json_integer_value(json_object_get(parsed, "bytes"));
        json_decref(parsed);
        n++;
    }
    fclose(f);
    return n;
}

/* Waits for the first line of the file; its bytes. */
static json_int_t wait_for_a_line(void)
{
    json_int_t last = 0;
    for (int i = 0; count_lines(file, &last) == 0; i++) {
        assert_true(i < TRIES);
        usleep(PAUSE_US);
    }
    return last;
}

/* Whether the log's thread waits for something to do: proc_pid_stat(5). */
static bool log_sleeps(void)
{
    bool sleeps = false;
    glob_t found;
    assert_int_equal(glob("/proc/self/task/*/stat", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char line[256] = "";
        FILE *f = fopen(found.gl_pathv[i], "r");
        if (f != NULL && fgets(line, sizeof(line), f) != NULL)
            sleeps |= strstr(line, "(access-log) S") != NULL;
        if (f != NULL)
            fclose(f);
    }
    globfree(&found);
    return sleeps;
}

static void put(struct access_ring *ring, uint32_t number, struct str path)
{
    struct access_record r = {.time_us = 1000000,
                              .status = 307,
                              .step = 9,
                              .cache = -1,
                              .bytes = number,
                              .method = STR("GET"),
                              .path = path,
                              .cloud = STR(""),
                              .region = STR(""),
                              .store = STR(""),
                              .user_agent = STR("test"),
                              .trace = STR("")};
    access_put(ring, &r);
}

static void every_record_is_written_or_counted_as_dropped(void **state)
{
    (void)state;
    enum { RECORDS = 100000 };
    int error;
    struct access_log *log = access_open(file, 2, &error);
    assert_non_null(log);
    struct access_ring *ring = access_ring(log, 1);
    char path[3000];
    memset(path, 'p', sizeof(path));
    for (uint32_t i = 0; i < RECORDS; i++) {
        put(ring, i, str_make(path, i % sizeof(path)));
        access_publish(ring);
    }
    uint64_t dropped = access_dropped(log);
    access_close(log);
    json_int_t last = 0;
    long written = count_lines(file, &last);
    assert_true(written > 0);
    assert_int_equal(written + (long)dropped, RECORDS);
}

static void a_thread_that_sleeps_is_woken(void **state)
{
    (void)state;
    int error;
    struct access_log *log = access_open(file, 1, &error);
    assert_non_null(log);
    for (int i = 0; !log_sleeps(); i++) {
        assert_true(i < TRIES);
        usleep(PAUSE_US);
    }
    put(access_ring(log, 0), 7, STR("/"));
    access_publish(access_ring(log, 0));
    assert_int_equal(wait_for_a_line(), 7);
    access_close(log);
}

static void a_rotated_file_is_left_for_a_new_one(void **state)
{
    (void)state;
    int error;
    json_int_t last = 0;
    struct access_log *log = access_open(file, 1, &error);
    assert_non_null(log);
    put(access_ring(log, 0), 1, STR("/"));
    access_publish(access_ring(log, 0));
    assert_int_equal(wait_for_a_line(), 1);
    assert_int_equal(rename(file, rotated), 0);
    assert_int_equal(access_reopen(log, file), 0);
    assert_int_not_equal(access_reopen(log, "/nonexistent/file"), 0);
    put(access_ring(log, 0), 2, STR("/"));
    access_publish(access_ring(log, 0));
    access_close(log);
    assert_int_equal(count_lines(rotated, &last), 1);
    assert_int_equal(last, 1);
    assert_int_equal(count_lines(file, &last), 1);
    assert_int_equal(last, 2);
}

static void a_file_that_cannot_be_opened_is_an_error(void **state)
{
    (void)state;
    int error = 0;
    assert_null(access_open("/nonexistent/file", 1, &error));
    assert_int_not_equal(error, 0);
    access_close(NULL);
}

static void what_a_full_disk_does_not_take_is_counted(void **state)
{
    (void)state;
    int error;
    struct access_log *log = access_open("/dev/full", 1, &error);
    assert_non_null(log);
    put(access_ring(log, 0), 1, STR("/"));
    access_publish(access_ring(log, 0));
    for (int i = 0; i < TRIES && access_dropped(log) == 0; i++)
        usleep(PAUSE_US);
    assert_int_equal(access_dropped(log), 1);
    access_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_record_is_written_or_counted_as_dropped, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_thread_that_sleeps_is_woken, make_file, remove_file),
        cmocka_unit_test_setup_teardown(a_rotated_file_is_left_for_a_new_one, make_file,
                                        remove_file),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_an_error),
        cmocka_unit_test(what_a_full_disk_does_not_take_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
