/* Diagnostics: positions, the limit, the order, and the nearest word. */
#include "sys/diag.h"

#include "said.h"

static void positions_are_printed_as_far_as_they_are_known(void **state)
{
    (void)state;
    struct diag d = {0};
    diag_error(&d, (struct diag_at){"a.yaml", 3, 7}, "bad %s", "thing");
    diag_warning(&d, (struct diag_at){"a.yaml", 3, 0}, "odd");
    diag_error(&d, (struct diag_at){"a.yaml", 0, 0}, "unreadable");
    diag_error(&d, (struct diag_at){0}, "PORT");
    char *text = said_by(&d);
    assert_string_equal(text, "a.yaml:3:7: error: bad thing\n"
                              "a.yaml:3: warning: odd\n"
                              "a.yaml: error: unreadable\n"
                              "error: PORT\n");
    assert_int_equal(d.n_errors, 3);
    free(text);
    diag_clear(&d);
    assert_int_equal(d.n, 0);
}

static void controls_do_not_reach_the_terminal(void **state)
{
    (void)state;
    struct diag d = {0};
    diag_error(&d, (struct diag_at){"a\x1b[1m", 1, 1}, "x\ny\x7f");
    char *text = said_by(&d);
    assert_string_equal(text, "a\\x1b[1m:1:1: error: x\\x0ay\\x7f\n");
    free(text);
    diag_clear(&d);
}

static void errors_past_the_limit_are_counted_and_warnings_do_not_displace_them(void **state)
{
    (void)state;
    struct diag d = {0};
    for (int i = 0; i < 150; i++)
        diag_warning(&d, (struct diag_at){0}, "w%d", i);
    for (int i = 0; i < 103; i++)
        diag_error(&d, (struct diag_at){0}, "e%d", i);
    assert_int_equal(d.n, 200);
    assert_int_equal(d.n_errors, 103);
    char *text = said_by(&d);
    assert_non_null(strstr(text, "error: e99\n"));
    assert_null(strstr(text, "e100"));
    assert_non_null(strstr(text, "and 3 more errors\n"));
    free(text);
    diag_clear(&d);
}

static void sorting_goes_by_position_and_leaves_what_stands_before(void **state)
{
    (void)state;
    struct diag d = {0};
    static const unsigned at[][2] = {{9, 9}, {5, 2}, {5, 1}, {1, 8}, {5, 1}};
    for (size_t i = 0; i < 5; i++)
        diag_error(&d, (struct diag_at){"f", at[i][0], at[i][1]}, "%zu", i);
    diag_sort(&d, 1);
    static const char *const expected[] = {"0", "3", "2", "4", "1"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(d.message[i].text, expected[i]);
    diag_clear(&d);
}

static void the_nearest_word_has_at_most_a_third_of_its_letters_wrong(void **state)
{
    (void)state;
    static const char *const words[] = {"listen", "admin", "idle_timeout", "header_timeout"};
    assert_string_equal(diag_nearest("listn", words, 4), "listen");
    assert_string_equal(diag_nearest("litsen", words, 4), "listen");
    assert_string_equal(diag_nearest("idel_timeout", words, 4), "idle_timeout");
    assert_string_equal(diag_nearest("admin", words, 4), "admin");
    assert_string_equal(diag_nearest("ADMIN", words, 4), "admin");
    assert_null(diag_nearest("xyzzy", words, 4));
    assert_null(diag_nearest("", words, 4));
    assert_null(diag_nearest("listen", words, 0));
    char longest[200];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(diag_nearest(longest, words, 4));
    const char *const long_words[] = {longest, "listen"};
    assert_string_equal(diag_nearest("listen", long_words, 2), "listen");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_printed_as_far_as_they_are_known),
        cmocka_unit_test(controls_do_not_reach_the_terminal),
        cmocka_unit_test(errors_past_the_limit_are_counted_and_warnings_do_not_displace_them),
        cmocka_unit_test(sorting_goes_by_position_and_leaves_what_stands_before),
        cmocka_unit_test(the_nearest_word_has_at_most_a_third_of_its_letters_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
