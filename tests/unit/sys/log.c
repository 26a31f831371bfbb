/* The program's own messages: one line each, which nothing from outside can forge. */
#include "sys/log.h"

#include "sys/diag.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char text[16384];

/* What say() writes to standard error. */
static const char *written(void (*say)(void))
{
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    say();
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void every_level(void)
{
    log_error("%d", 1);
    log_warning("two");
    log_info("three");
    log_debug("four");
}

static void levels_below_the_one_that_is_shown_are_silent(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_DEBUG);
    assert_string_equal(written(every_level),
                        "test: error: 1\ntest: warning: two\ntest: three\ntest: debug: four\n");
    log_set_level(LOG_LEVEL_WARNING);
    assert_string_equal(written(every_level), "test: error: 1\ntest: warning: two\n");
    log_set_level(LOG_LEVEL_ERROR);
    assert_string_equal(written(every_level), "test: error: 1\n");
    log_set_level(LOG_LEVEL_INFO);
}

static void forge(void)
{
    errno = EBADF;
    log_error("%s", "a\nb: error: c\x1b[1m\x7f");
    assert_int_equal(errno, EBADF);
}

static void no_text_from_outside_makes_a_line(void **state)
{
    (void)state;
    assert_string_equal(written(forge), "test: error: a\\x0ab: error: c\\x1b[1m\\x7f\n");
}

static void say_much(void)
{
    char *much = xalloc(10001);
    memset(much, '\n', 10000);
    much[10000] = '\0';
    log_error("%s", much);
    free(much);
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    const char *line = written(say_much);
    size_t len = strlen(line);
    assert_in_range(len, 4000, 4096);
    assert_int_equal(strchr(line, '\n') - line, len - 1);
}

static void log_diagnostics(void)
{
    struct diag d = {0};
    diag_warning(&d, (struct diag_at){"f", 1, 2}, "w");
    for (int i = 0; i < 101; i++)
        diag_error(&d, (struct diag_at){0}, "e");
    diag_log(&d);
    diag_clear(&d);
}

static void diagnostics_go_to_the_log(void **state)
{
    (void)state;
    const char *lines = written(log_diagnostics);
    assert_true(strncmp(lines, "test: warning: f:1:2: w\ntest: error: e\n", 39) == 0);
    assert_non_null(strstr(lines, "test: error: and 1 more errors\n"));
}

static void out_of_memory_ends_the_program_with_a_message(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        free(xalloc_copy("", SIZE_MAX));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void arrays_grow_and_keep_what_they_hold(void **state)
{
    (void)state;
    int *array = NULL;
    for (int i = 0; i < 1000; i++) {
        array = xalloc_grow(array, (size_t)i, sizeof(*array));
        array[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(array[i], i);
    free(array);
    char *z = xalloc_format("%d-%s", 7, "x"), *copy = xalloc_copy("abc", 2);
    assert_string_equal(z, "7-x");
    assert_string_equal(copy, "ab");
    free(z);
    free(copy);
    free(xalloc_zero(0, 0));
    free(xalloc(0));
}

static void say_oddly(void)
{
    log_error("%s", "a\"b\nc\\\xff");
}

/* The last, because there is no way back. */
static void as_json_a_line_is_one_object_however_odd_or_long(void **state)
{
    int year, month, day, end = 0;
    (void)state;
    log_set_json();
    const char *line = written(say_oddly);
    sscanf(line, "{\"time\":\"%4d-%2d-%2dT%*2d:%*2d:%*2d.%*3dZ\",%n", &year, &month, &day, &end);
    assert_in_range(year, 2020, 9999);
    assert_true(end > 0);
    assert_string_equal(line + end,
                        "\"level\":\"error\",\"message\":\"a\\\"b\\u000ac\\\\\\ufffd\"}\n");
    line = written(say_much);
    size_t len = strlen(line);
    assert_in_range(len, 1000, 4096);
    assert_string_equal(line + len - 9, "\\u000a\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_below_the_one_that_is_shown_are_silent),
        cmocka_unit_test(no_text_from_outside_makes_a_line),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(diagnostics_go_to_the_log),
        cmocka_unit_test(out_of_memory_ends_the_program_with_a_message),
        cmocka_unit_test(arrays_grow_and_keep_what_they_hold),
        cmocka_unit_test(as_json_a_line_is_one_object_however_odd_or_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
