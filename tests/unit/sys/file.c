/* Files: read whole and with a limit, replaced in one step. */
#include "sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/archeio-file-XXXXXX";
static char path[64];

static int enter(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/data", directory);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory); /* fails if anything was left behind */
}

static size_t entries(void)
{
    size_t n = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 2;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char text[] = "one\0two";
    assert_int_equal(file_replace(path, text, sizeof(text), 0640, 1000000000), 0);
    char *data;
    size_t len;
    struct stat st;
    assert_int_equal(file_read(path, 100, &data, &len, &st), 0);
    assert_int_equal(len, sizeof(text));
    assert_memory_equal(data, text, sizeof(text));
    assert_int_equal(data[len], 0);
    assert_int_equal(st.st_mtime, 1000000000);
    assert_int_equal(st.st_mode & 0777, 0640);
    free(data);
    assert_int_equal(entries(), 1);
}

static void the_limit_is_exact(void **state)
{
    (void)state;
    char *data;
    size_t len;
    assert_int_equal(file_replace(path, "12345", 5, 0600, 0), 0);
    assert_int_equal(file_read(path, 5, &data, &len, NULL), 0);
    assert_int_equal(len, 5);
    free(data);
    assert_int_equal(file_read(path, 4, &data, &len, NULL), EFBIG);
    assert_null(data);
    assert_int_equal(file_replace(path, "", 0, 0600, 0), 0);
    assert_int_equal(file_read(path, 0, &data, &len, NULL), 0);
    assert_string_equal(data, "");
    free(data);
}

static void a_pipe_is_read_to_its_end_or_the_limit(void **state)
{
    (void)state;
    static const size_t limits[] = {200000, 150000, 100000};
    static const char block[150000];
    for (size_t i = 0; i < 3; i++) {
        unlink(path);
        assert_int_equal(mkfifo(path, 0600), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int fd = open(path, O_WRONLY);
            _exit(write(fd, block, sizeof(block)) == (ssize_t)sizeof(block) ? 0 : 1);
        }
        char *data;
        size_t len;
        bool fits = sizeof(block) <= limits[i];
        assert_int_equal(file_read(path, limits[i], &data, &len, NULL), fits ? 0 : EFBIG);
        assert_int_equal(len, fits ? sizeof(block) : 0);
        free(data);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    unlink(path);
}

static void errors_are_told_and_nothing_is_left_behind(void **state)
{
    (void)state;
    char *data;
    size_t len;
    assert_int_equal(file_read("/nonexistent/x", 10, &data, &len, NULL), ENOENT);
    assert_int_equal(file_read(directory, 10, &data, &len, NULL), EISDIR);
    assert_int_equal(file_replace("/nonexistent/x", "a", 1, 0600, 0), ENOENT);
    size_t before = entries();
    char below[96];
    snprintf(below, sizeof(below), "%s/taken", directory);
    assert_int_equal(mkdir(below, 0700), 0);
    assert_int_equal(file_replace(below, "a", 1, 0600, 0), EISDIR);
    assert_int_equal(rmdir(below), 0);
    assert_int_equal(entries(), before);
    char *longest = malloc(5000);
    memset(longest, 'a', 4999);
    longest[4999] = '\0';
    assert_int_equal(file_replace(longest, "a", 1, 0600, 0), ENAMETOOLONG);
    free(longest);
}

static void a_file_in_the_working_directory_is_replaced_too(void **state)
{
    (void)state;
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(file_replace("data", "x", 1, 0600, 0), 0);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_int_equal(access(path, R_OK), 0);
}

static void directories_are_made_with_those_above_them(void **state)
{
    (void)state;
    char outer[64], inner[64];
    struct stat st;
    snprintf(outer, sizeof(outer), "%s/a", directory);
    snprintf(inner, sizeof(inner), "%s/a/b/", directory);
    assert_int_equal(file_make_directory(inner), 0);
    assert_int_equal(file_make_directory(inner), 0);
    assert_int_equal(stat(inner, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_not_equal(file_make_directory(""), 0);
    assert_int_not_equal(file_make_directory("/dev/null/x"), 0);
    rmdir(inner);
    rmdir(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(a_pipe_is_read_to_its_end_or_the_limit),
        cmocka_unit_test(errors_are_told_and_nothing_is_left_behind),
        cmocka_unit_test(a_file_in_the_working_directory_is_replaced_too),
        cmocka_unit_test(directories_are_made_with_those_above_them),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
