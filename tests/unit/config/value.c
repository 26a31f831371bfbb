/* Values as text, and back. */
#include "config/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void durations_and_sizes_carry_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* -1: refused */
        const char *again;
    } rows[] = {
        {"0", 0, "0s"},
        {"0s", 0, "0s"},
        {"1ms", 1000000, "1ms"},
        {"1500ms", 1500000000, "1500ms"},
        {"620s", 620000000000, "620s"},
        {"90m", 5400000000000, "90m"},
        {"6h", 21600000000000, "6h"},
        {"2d", 172800000000000, "2d"},
        {"60s", 60000000000, "60s"},
        {"5", -1, NULL},
        {"", -1, NULL},
        {"s", -1, NULL},
        {"-1s", -1, NULL},
        {"+1s", -1, NULL},
        {"01s", -1, NULL},
        {"1 s", -1, NULL},
        {"1.5s", -1, NULL},
        {"1S", -1, NULL},
        {"1us", -1, NULL},
        {"1h30m", -1, NULL},
        {"106752d", -1, NULL},
        {"9223372036854775807s", -1, NULL},
        {"99999999999999999999999s", -1, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = -1;
        char again[VALUE_TEXT_MAX];
        assert_int_equal(value_duration(str_from(rows[i].text), &value) == NULL,
                         rows[i].value >= 0);
        assert_int_equal(value, rows[i].value);
        if (rows[i].value < 0)
            continue;
        value_format_duration(value, again);
        assert_string_equal(again, rows[i].again);
    }
    uint64_t size = 1;
    char text[VALUE_TEXT_MAX];
    assert_null(value_size(STR("64MiB"), &size));
    assert_int_equal(size, 64 << 20);
    value_format_size(size, text);
    assert_string_equal(text, "64MiB");
    value_format_size(1025, text);
    assert_string_equal(text, "1025B");
    assert_non_null(value_size(STR("64MB"), &size));
    assert_non_null(value_size(STR("8589934592GiB"), &size));
    assert_null(value_percent(STR("100%"), &size));
    assert_int_equal(size, 100);
    assert_non_null(value_percent(STR("101%"), &size));
    assert_non_null(value_percent(STR("20"), &size));
    assert_non_null(value_percent(STR("%"), &size));
}

static void only_literal_addresses_are_listened_on(void **state)
{
    (void)state;
    assert_null(value_listen(STR(":8080")));
    assert_non_null(value_listen(STR("localhost:80")));
}

static void urls_are_absolute_and_hold_nothing_that_misleads(void **state)
{
    (void)state;
    static const char *const good[] = {"https://a",
                                       "http://a.example:8080",
                                       "https://[2001:db8::1]:5000",
                                       "https://a/b/c",
                                       "https://a/%41b~c!$&'()*+,",
                                       "http://127.0.0.1:1",
                                       "https://192.0.2.1:81/x",
                                       "https://1a.2b",
                                       "https://minio-1:9000",
                                       "https://x0.x1",
                                       "https://a_b-c.d/:@"};
    static const char *const bad[] = {"",
                                      "a",
                                      "ftp://a",
                                      "https:/a",
                                      "https://",
                                      "https:///",
                                      "https://:80",
                                      "https://u@a",
                                      "https://u:p@a",
                                      "https://a b",
                                      "HTTPS://a",
                                      "https://a?b",
                                      "https://a#b",
                                      "https://a/b?c",
                                      "https://a\n",
                                      "https://a:",
                                      "https://a:0",
                                      "https://a:65536",
                                      "https://[::1",
                                      "https://[1.2.3.4]",
                                      "https://\xc3\xa4",
                                      "https://a/\xc3\xa4",
                                      "https://a/%4",
                                      "https://a/%zz",
                                      "https://a\\b",
                                      "https://.a",
                                      "https://127.1",
                                      "https://1",
                                      "https://a.1",
                                      "https://0x7f000001",
                                      "https://0177.0.0.1",
                                      "https://192.0.2.1.",
                                      "https://192.0.2.0X1",
                                      "https://a/\"",
                                      "https://a/<",
                                      "https://a/\x7f",
                                      "//a",
                                      "https://[::1]x"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_null(value_base_url(str_from(good[i])));
        assert_null(value_page_url(str_from(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(value_base_url(str_from(bad[i])));
    assert_null(value_page_url(STR("https://a/b?c=d#e")));
    assert_null(value_page_url(STR("https://a?b")));
    char longest[VALUE_URL_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "http://a/", 9);
    assert_null(value_base_url(str_make(longest, VALUE_URL_MAX)));
    assert_non_null(value_base_url(str_make(longest, VALUE_URL_MAX + 1)));
}

static void paths_and_places_have_their_letters(void **state)
{
    (void)state;
    struct str cloud, region;
    assert_null(value_path(STR("")));
    assert_null(value_path(STR("mirror/images")));
    static const char *const bad[] = {"/a", "a/", "a//b", ".", "a/../b", "a b", "a%2fb", "a?b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(value_path(str_from(bad[i])));
    char longest[600];
    memset(longest, 'a', sizeof(longest));
    assert_non_null(value_path(str_make(longest, sizeof(longest))));

    assert_null(value_place(STR("aws/eu-west-3"), &cloud, &region));
    assert_true(str_eq(cloud, STR("aws")) && str_eq(region, STR("eu-west-3")));
    assert_null(value_place(STR("gcp"), &cloud, &region));
    assert_true(str_eq(cloud, STR("gcp")) && region.len == 0);
    assert_null(value_place(STR("default"), &cloud, &region));
    assert_true(cloud.len == 0 && region.len == 0);
    static const char *const places[] = {"",    "/",    "aws/", "/x",     "a/b/c", "default/x",
                                         "a b", "-aws", "_/a",  "aws/-a", "aws/.a"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        assert_non_null(value_place(str_from(places[i]), &cloud, &region));
    assert_true(str_eq(value_trim(STR("//a/b//")), STR("a/b")));
    assert_int_equal(value_trim(STR("///")).len, 0);
}

static void utf8_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        uint32_t value;
    } rows[] = {
        {"a", 1, 'a'},
        {"\xc3\xa4", 2, 0xe4},
        {"\xe2\x82\xac", 3, 0x20ac},
        {"\xf0\x9f\x98\x80", 4, 0x1f600},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", 0, 0},
        {"\xc0\x80", 0, 0},
        {"\xe0\x80\x80", 0, 0},
        {"\xed\xa0\x80", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xf5\x80\x80\x80", 0, 0},
        {"\xc3", 0, 0},
        {"\xe2\x82", 0, 0},
        {"\xe2\x28\xa1", 0, 0},
        {"\xff", 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t value = 0;
        assert_int_equal(value_utf8(str_from(rows[i].text), &value), rows[i].n);
        assert_int_equal(value, rows[i].value);
    }
}

static void rates_are_events_an_hour(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
        const char *again;
    } rows[] = {
        {"0", 0, "0"},          {"0/s", 0, "0"},       {"50/s", 180000, "50/s"},
        {"90/m", 5400, "90/m"}, {"60/m", 3600, "1/s"}, {"59/h", 59, "59/h"},
    };
    static const char *const bad[] = {"",     "5",    "/s",    "5/",
                                      "5/d",  "5 /s", "-5/s",  "05/s",
                                      "5/s ", "5/ms", "1.5/s", "9223372036854775807/s"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 1;
        char again[VALUE_TEXT_MAX];
        assert_null(value_rate(str_from(rows[i].text), &value));
        assert_int_equal(value, rows[i].value);
        value_format_rate(value, again);
        assert_string_equal(again, rows[i].again);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 1;
        assert_non_null(value_rate(str_from(bad[i]), &value));
        assert_int_equal(value, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_events_an_hour),
        cmocka_unit_test(durations_and_sizes_carry_units),
        cmocka_unit_test(only_literal_addresses_are_listened_on),
        cmocka_unit_test(urls_are_absolute_and_hold_nothing_that_misleads),
        cmocka_unit_test(paths_and_places_have_their_letters),
        cmocka_unit_test(utf8_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
