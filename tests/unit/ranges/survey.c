#include "ranges/survey.h"

#include "directory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct directory dir;

static int make(void **state)
{
    (void)state;
    directory_make(&dir);
    directory_write(&dir, "asn-ipv4.csv",
                    "10.0.0.0,10.0.2.255,64500,\"One, Inc.\"\n10.1.0.0,10.1.0.255,64501,Two\n"
                    "10.1.1.0,10.1.1.255,64501,Two\n10.9.0.0,10.9.0.255,0,\n");
    directory_write(&dir, "own.asn", "10.0.1.0/24 64511\n10.1.0.0/24 64502 Mine\n10.0.2.0/24 0\n");
    directory_write(&dir, "wrong.asn", "10.0.0.0/32 64503\n10.0.0.0/33 64503\n");
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    directory_remove(&dir);
    return 0;
}

static void each_file_is_counted(void **state)
{
    (void)state;
    struct diag d = {0};
    struct survey s;
    survey_make(dir.path, &s, &d);
    assert_int_equal(s.n_files, 2);
    assert_int_equal(s.n_refused, 1);
    assert_int_equal(d.n_errors, 1);
    assert_string_equal(s.file[0].name, "own.asn");
    assert_int_equal(s.file[0].prefixes, 3);
    assert_int_equal(s.file[0].systems, 2);
    assert_true(s.file[0].modified > 0);
    assert_string_equal(s.file[1].name, "asn-ipv4.csv");
    assert_int_equal(s.file[1].prefixes, 4);
    assert_int_equal(s.file[1].systems, 2);
    survey_release(&s);
    diag_clear(&d);
}

static void assert_found(const char *address, const char *expected)
{
    struct diag d = {0};
    struct survey_answer found;
    struct addr a;
    char text[256] = "-", prefix[PREFIX_TEXT_MAX];
    assert_true(addr_parse(str_from(address), &a));
    survey_find(dir.path, &a, &found, &d);
    if (found.found) {
        prefix_format(&found.prefix, prefix);
        snprintf(text, sizeof(text), "%s %u %s (%s)", prefix, found.asn, found.name, found.file);
    }
    assert_string_equal(text, expected);
    assert_int_equal(d.n_errors, 1);
    survey_answer_release(&found);
    diag_clear(&d);
}

static void the_longest_prefix_of_all_files_says_whose_an_address_is(void **state)
{
    (void)state;
    assert_found("10.0.0.1", "10.0.0.0/23 64500 One, Inc. (asn-ipv4.csv)");
    assert_found("10.0.1.1", "10.0.1.0/24 64511  (own.asn)");
    assert_found("10.0.2.1", "10.0.2.0/24 0  (own.asn)");
    assert_found("10.1.0.1", "10.1.0.0/24 64502 Mine (own.asn)");
    assert_found("10.1.1.1", "10.1.1.0/24 64501 Two (asn-ipv4.csv)");
    assert_found("10.9.0.1", "-");
    assert_found("2001:db8::1", "-");
}

static void a_directory_that_is_not_there_holds_nothing(void **state)
{
    (void)state;
    struct diag d = {0};
    struct survey s;
    survey_make("/nonexistent/ranges", &s, &d);
    assert_int_equal(s.n_files + s.n_refused + d.n, 0);
    survey_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_is_counted),
        cmocka_unit_test(the_longest_prefix_of_all_files_says_whose_an_address_is),
        cmocka_unit_test(a_directory_that_is_not_there_holds_nothing),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
