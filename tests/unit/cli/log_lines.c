/* Lines of files that hold anything. */
#include "cli/log_lines.h"

#include "check.h"
#include <stdlib.h>
#include <unistd.h>

/* A pipe from which the bytes come, in pieces of a size. */
static int feed(const char *data, size_t len, size_t piece)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    if (fork() == 0) {
        close(ends[0]);
        for (size_t n; len > 0; data += n, len -= n) {
            n = len < piece ? len : piece;
            if (write(ends[1], data, n) != (ssize_t)n)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static void lines_are_found_however_they_come(void **state)
{
    (void)state;
    static const char data[] = "one\n\ntwo\0half\nlast";
    const struct str want[] = {STR("one"), STR(""), str_make("two\0half", 8), STR("last")};
    for (size_t piece = 1; piece < sizeof(data); piece++) {
        struct log_lines l;
        struct str line;
        int fd = feed(data, sizeof(data) - 1, piece);
        log_lines_open(&l, fd);
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
            assert_int_equal(log_lines_next(&l, &line), LOG_LINES_LINE);
            assert_true(str_eq(line, want[i]));
            assert_int_equal(l.line, i + 1);
        }
        assert_int_equal(log_lines_next(&l, &line), LOG_LINES_END);
        assert_int_equal(log_lines_next(&l, &line), LOG_LINES_END);
        log_lines_close(&l);
        close(fd);
    }
}

/* "a", a line of n bytes, "b". */
static void check_length(size_t n, enum log_lines_next expected, bool ends)
{
    char *data = malloc(n + 5);
    struct log_lines l;
    struct str line;
    memcpy(data, "a\n", 2);
    memset(data + 2, 'x', n);
    memcpy(data + 2 + n, "\nb\n", 3);
    int fd = feed(data, ends ? n + 5 : n + 2, 65536);
    log_lines_open(&l, fd);
    assert_int_equal(log_lines_next(&l, &line), LOG_LINES_LINE);
    assert_int_equal(log_lines_next(&l, &line), expected);
    if (expected == LOG_LINES_LINE)
        assert_int_equal(line.len, n);
    if (ends) {
        assert_int_equal(log_lines_next(&l, &line), LOG_LINES_LINE);
        assert_true(str_eq(line, STR("b")));
        assert_int_equal(l.line, 3);
    }
    assert_int_equal(log_lines_next(&l, &line), LOG_LINES_END);
    log_lines_close(&l);
    close(fd);
    free(data);
}

static void a_line_that_is_too_long_is_passed_over(void **state)
{
    (void)state;
    check_length(LOG_LINES_MAX, LOG_LINES_LINE, true);
    check_length(LOG_LINES_MAX, LOG_LINES_LINE, false);
    check_length(LOG_LINES_MAX + 1, LOG_LINES_LONG, true);
    check_length(LOG_LINES_MAX + 2, LOG_LINES_LONG, true);
    check_length(3 * LOG_LINES_MAX, LOG_LINES_LONG, true);
    check_length(3 * LOG_LINES_MAX, LOG_LINES_LONG, false);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct log_lines l;
    struct str line;
    log_lines_open(&l, -1);
    assert_int_equal(log_lines_next(&l, &line), LOG_LINES_ERROR);
    log_lines_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found_however_they_come),
        cmocka_unit_test(a_line_that_is_too_long_is_passed_over),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
