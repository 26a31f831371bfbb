#include "cli/progress_text.h"

#include "check.h"

static struct progress_text text;

static const struct progress_text_state busy = {
    .images = 120,
    .images_known = 300,
    .blobs = 45,
    .blobs_known = 1200,
    .bytes = 1288490189,
    .bytes_known = 9019431321,
    .retries = 2,
    .failed = 1,
    .running = 16,
    .flight = {{"app@sha256:0123456789ab", 1000, 340}, {"other", -1, 5000}, {"empty", 0, 0}},
    .n_flights = 3,
};

static const char *summary(const struct progress_text_state *s, unsigned columns, double rate)
{
    const struct progress_text_look look = {.rate = rate, .columns = columns, .lines = 9};
    progress_text_make(s, &look, &text);
    return text.line[0];
}

static void a_wide_terminal_shows_everything(void **state)
{
    (void)state;
    assert_string_equal(summary(&busy, 200, 36800000),
                        "images 120/300  blobs 45/1200  1.2 GiB/8.4 GiB  35.1 MiB/s  ETA 3:31  "
                        "16 in flight  2 retries  1 failed");
    assert_int_equal(text.n, 4);
    assert_string_equal(text.line[1], "   34%  app@sha256:0123456789ab  340 B/1000 B");
    assert_string_equal(text.line[2], "    0%  other  4.9 KiB");
    assert_string_equal(text.line[3], "  100%  empty  0 B");
}

static void a_narrow_one_keeps_what_matters_most(void **state)
{
    (void)state;
    assert_string_equal(summary(&busy, 75, 36800000),
                        "blobs 45/1200  1.2 GiB/8.4 GiB  35.1 MiB/s  ETA 3:31  1 failed");
    assert_string_equal(summary(&busy, 40, 36800000), "1.2 GiB/8.4 GiB  1 failed");
    assert_string_equal(summary(&busy, 20, 36800000), "1.2 GiB/8.4 GiB");
    assert_string_equal(summary(&busy, 10, 36800000), "1.2 GiB/8");
}

static void no_line_reaches_the_last_column(void **state)
{
    struct progress_text_state s = busy;
    (void)state;
    memset(s.flight[0].name, 'x', sizeof(s.flight[0].name) - 1);
    s.bytes = s.bytes_known = s.blobs = s.blobs_known = s.images_known = UINT64_MAX;
    for (unsigned columns = 0; columns < 700; columns++) {
        summary(&s, columns, 1e18);
        for (size_t i = 0; i < text.n; i++)
            assert_true(strlen(text.line[i]) < (columns > 2 ? columns : 2));
    }
}

static void no_more_lines_than_there_is_room_for(void **state)
{
    (void)state;
    for (unsigned lines = 1; lines < 4; lines++) {
        progress_text_make(&busy, &(struct progress_text_look){.columns = 80, .lines = lines},
                           &text);
        assert_int_equal(text.n, lines);
    }
}

static void what_would_move_the_cursor_is_not_shown(void **state)
{
    struct progress_text_state s = {.n_flights = 1};
    (void)state;
    strcpy(s.flight[0].name, "a\x1b[2J\n\xe4\xb8\xad");
    summary(&s, 80, 0);
    assert_string_equal(text.line[1], "  100%  a?[2J????  0 B");
}

static void colours_are_for_failures_and_only_where_they_are_wanted(void **state)
{
    struct progress_text_look look = {.columns = 80, .lines = 1, .colour = true};
    struct progress_text_state s = {.failed = 3, .bytes = 1};
    (void)state;
    progress_text_make(&s, &look, &text);
    assert_string_equal(text.line[0], "1 B  \033[31m3 failed\033[m");
    look.colour = false;
    progress_text_make(&s, &look, &text);
    assert_string_equal(text.line[0], "1 B  3 failed");
}

static void the_time_left_is_said_once_everything_is_known(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {59, "ETA 1:00"}, {3599, "ETA 1:00:00"}, {86399, "ETA 1d00h"}, {8640000, "ETA >99d"},
        {0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct progress_text_state s = {.bytes = 1, .bytes_known = cases[i].bytes + 1};
        const char *line = summary(&s, 80, 1);
        assert_true(cases[i].text != NULL ? strstr(line, cases[i].text) != NULL
                                          : strstr(line, "ETA") == NULL);
        s.searching = true;
        assert_non_null(strstr(summary(&s, 80, 1), "searching"));
        assert_null(strstr(text.line[0], "ETA"));
        s.searching = false;
        assert_null(strstr(summary(&s, 80, 0), "ETA")); /* nothing moves */
    }
}

static void what_was_read_twice_is_not_more_than_everything(void **state)
{
    const struct progress_text_state s = {.bytes = 2048, .bytes_known = 1024};
    (void)state;
    assert_string_equal(summary(&s, 80, 100), "1.0 KiB/1.0 KiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_terminal_shows_everything),
        cmocka_unit_test(a_narrow_one_keeps_what_matters_most),
        cmocka_unit_test(no_line_reaches_the_last_column),
        cmocka_unit_test(no_more_lines_than_there_is_room_for),
        cmocka_unit_test(what_would_move_the_cursor_is_not_shown),
        cmocka_unit_test(colours_are_for_failures_and_only_where_they_are_wanted),
        cmocka_unit_test(the_time_left_is_said_once_everything_is_known),
        cmocka_unit_test(what_was_read_twice_is_not_more_than_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
