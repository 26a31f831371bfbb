#include "ranges/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void the_operators_file_is_read_with_comments_blanks_and_bare_addresses(void **state)
{
    (void)state;
    static const char text[] = "# ours\n\n  192.0.2.0/24 office berlin # the new one\r\n"
                               "2001:db8::1\tlab\n198.51.100.9/24 lab";
    struct diag d = {0};
    struct ranges *r = ranges_parse("own.txt", text, strlen(text), &d);
    assert_non_null(r);
    assert_int_equal(d.n, 0);
    assert_int_equal(r->n_ranges, 3);
    assert_int_equal(r->n_places, 2);
    assert_string_equal(r->file[0].cloud, "own");
    assert_int_equal(r->file[0].host_bits, 1);
    char prefix[PREFIX_TEXT_MAX];
    prefix_format(&r->range[2].prefix, prefix);
    assert_string_equal(prefix, "2001:db8::1/128");
    const struct policy_place *office = &r->place[r->range[0].place];
    assert_true(str_eq(office->cloud, STR("office")));
    assert_true(str_eq(office->region, STR("berlin")));
    ranges_free(r);
}

static void every_wrong_line_is_said_and_the_file_refused(void **state)
{
    (void)state;
    static const char text[] = "192.0.2.0/24 good\n"
                               "192.0.2.0/33 x\n"
                               "192.0.2.0/24\n"
                               "  192.0.2.0/24 a b c d\n"
                               "192.0.2.0/24 a/b\n"
                               "192.0.2.0/24 a -\n"
                               "192.0.2.0/24 default\n";
    static const struct {
        unsigned line, column;
        const char *message;
    } expected[] = {
        {2, 1, "is no prefix"},
        {3, 1, "the cloud is missing"},
        {4, 20, "more than a region"},
        {5, 14, "is no name of a cloud"},
        {6, 16, "is no name of a region"},
        {7, 14, "is what stores serve"},
    };
    struct diag d = {0};
    assert_null(ranges_parse("own.txt", text, strlen(text), &d));
    assert_int_equal(d.n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < d.n; i++) {
        assert_int_equal(d.message[i].line, expected[i].line);
        assert_int_equal(d.message[i].column, expected[i].column);
        assert_non_null(strstr(d.message[i].text, expected[i].message));
    }
    diag_clear(&d);
}

static void a_file_of_comments_alone_is_empty(void **state)
{
    (void)state;
    struct diag d = {0};
    assert_null(ranges_parse("own.txt", "# nothing\n", 10, &d));
    assert_non_null(strstr(d.message[0].text, "holds no prefixes"));
    diag_clear(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_operators_file_is_read_with_comments_blanks_and_bare_addresses),
        cmocka_unit_test(every_wrong_line_is_said_and_the_file_refused),
        cmocka_unit_test(a_file_of_comments_alone_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
