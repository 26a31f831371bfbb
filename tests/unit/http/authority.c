/* What may stand in Host. */
#include "check.h"

#include "http/authority.h"

static void names_addresses_and_ports_are_taken(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "registry.example.org",
        "registry.example.org:5000",
        "REGISTRY",
        "a",
        "x_y~z",
        "192.0.2.1",
        "192.0.2.1:80",
        "[2001:db8::1]",
        "[2001:db8::1]:8080",
        "[::ffff:192.0.2.1]",
        "x:",
        "x:0",
        "x:65535",
        "x:00080",
        "xn--bcher-kva.example",
        "a%2Db",
        "a,b",
        "a.",
        "[::]:",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!authority_valid(str_from(rows[i])))
            fail_msg("refused: %s", rows[i]);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        ":80",
        ":",
        "a b",
        " a",
        "a ",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "user@a",
        "a@",
        "a:b",
        "a:80:80",
        "a:65536",
        "a:99999999999999999999999999",
        "a:-1",
        "a:+1",
        "a: 80",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]80",
        "[]",
        "[]:80",
        "[192.0.2.1]",
        "[::1%25eth0]",
        "[fe80::1%eth0]",
        "[g::]",
        "[v7.x]",
        "[:::]",
        "a[b",
        "a]",
        "a%",
        "a%2",
        "a%zz",
        "a%2g",
        "a\"b",
        "a<b",
        "a{b",
        "a|b",
        "a^b",
        "a`b",
        "\xc3\xa4.example",
        "a\tb",
        "a\x7f",
        "[::1]]",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (authority_valid(str_from(rows[i])))
            fail_msg("taken: %s", rows[i]);
    assert_false(authority_valid(str_make("a\0b", 3)));
}

static void a_host_that_is_cut_is_never_read_past_its_end(void **state)
{
    (void)state;
    static const char text[] = "a%2D[::1]:80";
    for (size_t from = 0; from < sizeof(text); from++)
        for (size_t len = 0; from + len < sizeof(text); len++) {
            char copy[sizeof(text)];
            memcpy(copy, text + from, len);
            char *end = copy + sizeof(copy) - len;
            memmove(end, copy, len);
            bool here = authority_valid(str_make(end, len));
            assert_int_equal(here, authority_valid(str_make(text + from, len)));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_addresses_and_ports_are_taken),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(a_host_that_is_cut_is_never_read_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
