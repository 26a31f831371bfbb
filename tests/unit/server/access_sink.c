#include "server/access_sink.h"

#include "sys/clock.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES 10000
#define MEMORY (LINES * 200) /* more than any pipe holds */

static char directory[32], fifo[64], file[64];
static char lines[MEMORY], got[MEMORY];
static size_t lines_len;
static struct access_sink sink;
static uint64_t lost;

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/archeio-sink-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
    snprintf(file, sizeof(file), "%s/file", directory);
    lines_len = 0;
    for (int i = 0; i < LINES; i++)
        lines_len += (size_t)sprintf(lines + lines_len, "%d:%0*d\n", i, 1 + i % 150, 0);
    return mkfifo(fifo, 0600);
}

static int teardown(void **state)
{
    (void)state;
    access_sink_close(&sink);
    unlink(fifo);
    unlink(file);
    return rmdir(directory);
}

static uint64_t count_lines(const char *data, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

/* The reading end of the FIFO, so that it can be written to. */
static int reader(void)
{
    int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* What can be read now. */
static size_t read_some(int fd, char *to, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, to + len, size - len)) > 0)
        len += (size_t)n;
    return len;
}

static size_t read_file(char *to, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t len = read_some(fd, to, size);
    close(fd);
    return len;
}

static void *write_lines(void *argument)
{
    (void)argument;
    lost = access_sink_write(&sink, lines, lines_len);
    return NULL;
}

/* A thread that writes, once it has filled the FIFO and waits. */
static pthread_t stuck_writer(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_lines, NULL), 0);
    int fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    while (poll(&p, 1, 0) != 0)
        usleep(1000);
    close(fd);
    return thread;
}

/* ── */

static void a_pipe_that_is_read_late_gets_every_line(void **state)
{
    (void)state;
    int fd = reader();
    assert_int_equal(access_sink_open(&sink, fifo), 0);
    pthread_t thread = stuck_writer();
    size_t len = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (len < lines_len && poll(&p, 1, 10000) == 1)
        len += read_some(fd, got + len, sizeof(got) - len);
    pthread_join(thread, NULL);
    close(fd);
    assert_int_equal(lost, 0);
    assert_int_equal(len, lines_len);
    assert_memory_equal(got, lines, lines_len);
}

static void another_target_takes_over_between_two_lines(void **state)
{
    (void)state;
    int fd = reader();
    assert_int_equal(access_sink_open(&sink, fifo), 0);
    pthread_t thread = stuck_writer();
    assert_int_not_equal(access_sink_reopen(&sink, "/nonexistent/file"), 0);
    assert_int_equal(access_sink_reopen(&sink, file), 0);
    pthread_join(thread, NULL);
    size_t first = read_some(fd, got, sizeof(got));
    close(fd);
    assert_true(first > 0 && got[first - 1] == '\n');
    size_t len = first + read_file(got + first, sizeof(got) - first);
    assert_int_equal(lost, 0);
    assert_int_equal(len, lines_len);
    assert_memory_equal(got, lines, lines_len);
}

static void a_line_that_was_begun_elsewhere_is_lost(void **state)
{
    (void)state;
    static const char last[] = "\nwhole\n";
    int fd = reader();
    memset(lines, 'x', lines_len);
    memcpy(lines + lines_len - strlen(last), last, strlen(last));
    assert_int_equal(access_sink_open(&sink, fifo), 0);
    pthread_t thread = stuck_writer();
    assert_int_equal(access_sink_reopen(&sink, file), 0);
    pthread_join(thread, NULL);
    close(fd);
    assert_int_equal(lost, 1);
    check_str(str_make(got, read_file(got, sizeof(got))), "whole\n");
}

/* Of two targets that come before the first line does, the last counts. */
static void the_last_target_counts(void **state)
{
    (void)state;
    int fd = reader();
    assert_int_equal(access_sink_open(&sink, "/dev/null"), 0);
    assert_int_equal(access_sink_reopen(&sink, fifo), 0);
    assert_int_equal(access_sink_reopen(&sink, file), 0);
    assert_int_equal(access_sink_write(&sink, "a\n", 2), 0);
    assert_int_equal(read_some(fd, got, sizeof(got)), 0);
    close(fd);
    check_str(str_make(got, read_file(got, sizeof(got))), "a\n");
}

static void check_the_end(const char *target, int fd)
{
    assert_int_equal(access_sink_open(&sink, target), 0);
    pthread_t thread = stuck_writer();
    int64_t begun = clock_now();
    access_sink_hurry(&sink);
    pthread_join(thread, NULL);
    assert_true(clock_now() - begun < 5 * ACCESS_SINK_PATIENCE);
    size_t len = read_some(fd, got, sizeof(got));
    assert_int_equal(lost + count_lines(got, len), LINES);
    assert_int_equal(access_sink_write(&sink, "a\n", 2), 0); /* there is room again */
}

static void at_the_end_a_pipe_is_not_waited_for(void **state)
{
    (void)state;
    int fd = reader();
    check_the_end(fifo, fd);
    close(fd);
}

static void stdout_keeps_its_mode_and_is_not_waited_for_either(void **state)
{
    (void)state;
    int fd = reader(), out = dup(STDOUT_FILENO);
    int end = open(fifo, O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    dup2(end, STDOUT_FILENO);
    check_the_end("stdout", fd);
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(end);
    close(fd);
    assert_false(flags & O_NONBLOCK);
}

static void a_pipe_that_nobody_reads_is_refused_and_one_whose_reader_went_loses_lines(void **state)
{
    (void)state;
    assert_int_equal(access_sink_open(&sink, fifo), ENXIO);
    access_sink_close(&sink);
    int fd = reader();
    assert_int_equal(access_sink_open(&sink, fifo), 0);
    close(fd);
    assert_int_equal(access_sink_write(&sink, lines, lines_len), LINES);
}

static void set_file_limit(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_line_that_a_full_disk_cut_does_not_spoil_the_next(void **state)
{
    (void)state;
    assert_int_equal(access_sink_open(&sink, file), 0);
    set_file_limit(11);
    assert_int_equal(access_sink_write(&sink, "01234567\nlost\n", 14), 1);
    assert_int_equal(access_sink_write(&sink, "lost\n", 5), 1);
    set_file_limit(RLIM_INFINITY);
    assert_int_equal(access_sink_write(&sink, "whole\n", 6), 0);
    assert_int_equal(access_sink_write(&sink, "next\n", 5), 0);
    check_str(str_make(got, read_file(got, sizeof(got))), "01234567\nlo\nwhole\nnext\n");
}

static void rest_ends_with_a_wake_and_leaves_the_old_target(void **state)
{
    (void)state;
    int fd = reader();
    assert_int_equal(access_sink_open(&sink, fifo), 0);
    access_sink_wake(&sink);
    access_sink_rest(&sink);
    assert_int_equal(access_sink_reopen(&sink, file), 0);
    access_sink_rest(&sink);
    struct pollfd p = {.fd = fd};
    assert_int_equal(poll(&p, 1, 0), 1); /* no writer is left: a rotated file's space is free */
    assert_true(p.revents & POLLHUP);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pipe_that_is_read_late_gets_every_line, setup, teardown),
        cmocka_unit_test_setup_teardown(another_target_takes_over_between_two_lines, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_line_that_was_begun_elsewhere_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_target_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(at_the_end_a_pipe_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(stdout_keeps_its_mode_and_is_not_waited_for_either, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_pipe_that_nobody_reads_is_refused_and_one_whose_reader_went_loses_lines, setup,
            teardown),
        cmocka_unit_test_setup_teardown(a_line_that_a_full_disk_cut_does_not_spoil_the_next, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rest_ends_with_a_wake_and_leaves_the_old_target, setup,
                                        teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
