/* Addresses with ports: what is one, and how it is written. */
#include "ip/endpoint.h"

#include "check.h"

static void endpoints_are_read_and_written_back(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"127.0.0.1:8080", "127.0.0.1:8080"},
        {"[::]:8080", "[::]:8080"},
        {":80", "[::]:80"},
        {"[::1]:0", "[::1]:0"},
        {"0.0.0.0:65535", "0.0.0.0:65535"},
        {"[2001:DB8::1]:443", "[2001:db8::1]:443"},
        {"[::ffff:192.0.2.1]:1", "192.0.2.1:1"},
        {"[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
         "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct endpoint e;
        char text[ENDPOINT_TEXT_MAX];
        assert_true(endpoint_parse(str_from(rows[i][0]), &e));
        endpoint_format(&e, text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        ":",
        "8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:080",
        "127.0.0.1:80 ",
        "127.1:8080",
        "[127.0.0.1]:80",
        "::1:80",
        "::ffff:192.0.2.1:80",
        "[::1]",
        "[::1:80",
        "::1]:80",
        "[::1]80",
        "[::1]:0x50",
        "[fe80::1%eth0]:80",
        "[]:80",
        "[:80",
        " :80",
        "*:80",
        "localhost:80",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct endpoint e = {.port = 7};
        if (endpoint_parse(str_from(rows[i]), &e))
            fail_msg("\"%s\" was taken", rows[i]);
        assert_int_equal(e.port, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_read_and_written_back),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
