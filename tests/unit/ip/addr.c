#include <archeio/addr.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses text from memory that ends with it, so that a read past the end is seen. */
static bool parse(const char *text, struct addr *out)
{
    size_t len = strlen(text);
    char *exact = malloc(len + (len == 0));
    assert_non_null(exact);
    memcpy(exact, text, len);
    bool ok = addr_parse(str_make(exact, len), out);
    free(exact);
    return ok;
}

struct text_pair {
    const char *text;
    const char *canonical;
};

static const struct text_pair well_formed[] = {
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"192.0.2.1", "192.0.2.1"},
    {"10.20.30.40", "10.20.30.40"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8::AbCd", "2001:db8::abcd"},
    {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
    {"0:0:0:0:0:0:0:0", "::"},
    {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"1::3:4:5:6:7:8", "1:0:3:4:5:6:7:8"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"0:0:1:0:0:0:0:0", "0:0:1::"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"1:2:3:4:5:6:192.0.2.33", "1:2:3:4:5:6:c000:221"},
    {"::192.0.2.33", "::c000:221"},
    {"::ffff:192.0.2.33", "192.0.2.33"},
    {"::FFFF:192.0.2.33", "192.0.2.33"},
    {"::ffff:c000:221", "192.0.2.33"},
    {"0:0:0:0:0:ffff:0:1", "0.0.0.1"},
    {"::ffff:0:192.0.2.33", "::ffff:0:c000:221"},
    {"::fffe:192.0.2.33", "::fffe:c000:221"},
};

static void well_formed_addresses_are_read_and_written_canonically(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(well_formed); i++) {
        struct addr a;
        char text[ADDR_TEXT_MAX];
        if (!parse(well_formed[i].text, &a))
            fail_msg("%s was refused", well_formed[i].text);
        size_t len = addr_format(&a, text);
        assert_string_equal(text, well_formed[i].canonical);
        assert_int_equal(len, strlen(text));
        struct addr again;
        assert_true(parse(text, &again));
        assert_true(addr_eq(&a, &again));
    }
}

static const char *const malformed[] = {
    "",
    " ",
    ".",
    ":",
    "0",
    "1",
    "1.2",
    "1.2.3",
    "1.2.3.",
    ".1.2.3",
    "1.2.3.4.",
    "1.2.3.4.5",
    "1..3.4",
    "256.1.1.1",
    "1.1.1.256",
    "1.1.1.999",
    "1.1.1.1000",
    "01.2.3.4",
    "1.2.3.04",
    "00.0.0.0",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4\n",
    "0x1.2.3.4",
    "1.2.3.a",
    "+1.2.3.4",
    "1.2.3.-4",
    "1,2,3,4",
    "3232235777",
    "0300.0250.1.1",
    "1.2.3.4/8",
    "1.2.3.4:80",
    "1.2.3.4%1",
    ":::",
    "::::",
    "1:",
    ":1",
    "1:2",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    ":2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1::2:3:4:5:6:7:8",
    "1:2:3:4::5:6:7:8",
    "1::2::3",
    "1:::2",
    "::1::",
    "12345::",
    "::12345",
    "::00001",
    "::g",
    "::1%eth0",
    "fe80::1%1",
    "[::1]",
    "::1/128",
    "::1 ",
    " ::1",
    "::1.2.3",
    "::1.2.3.4.5",
    "::1.2.3.256",
    "::01.2.3.4",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:3:4:5:1.2.3.4",
    "1:2:3:4:5:6::1.2.3.4",
    "::.1.2.3",
    "::a.2.3.4",
    "localhost",
    "unknown",
    "-",
};

static void anything_else_is_refused_and_leaves_the_result_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct addr a, before;
        memset(&a, 0x5a, sizeof(a));
        before = a;
        if (parse(malformed[i], &a))
            fail_msg("\"%s\" was accepted", malformed[i]);
        assert_memory_equal(&a, &before, sizeof(a));
    }
    struct addr a;
    assert_false(addr_parse(str_make("1.2.3.4\0", 8), &a));
    assert_false(addr_parse(str_make("1.2\0.3.4", 8), &a));
    assert_false(addr_parse(str_make(NULL, 0), &a));
}

/* One byte wrong, at every place and with every value: either refused, or a different address that
 * reads back the same. */
static void every_changed_byte_gives_a_refusal_or_an_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(well_formed); i++) {
        char text[64];
        size_t len = strlen(well_formed[i].text);
        for (size_t at = 0; at < len; at++) {
            for (int c = 1; c < 256; c++) {
                memcpy(text, well_formed[i].text, len + 1);
                text[at] = (char)c;
                struct addr a, again;
                char out[ADDR_TEXT_MAX];
                if (!parse(text, &a))
                    continue;
                assert_non_null(strchr("0123456789abcdefABCDEF:.", c));
                addr_format(&a, out);
                assert_true(parse(out, &again));
                assert_true(addr_eq(&a, &again));
            }
        }
    }
}

static void bytes_of_a_socket_address_are_taken_and_mapped_ones_are_ipv4(void **state)
{
    (void)state;
    static const uint8_t v4[4] = {192, 0, 2, 1};
    static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
    struct addr a = addr_from_v4(v4), b = addr_from_v6(v6), c = addr_from_v6(mapped), parsed;
    assert_int_equal(a.family, ADDR_V4);
    assert_int_equal(b.family, ADDR_V6);
    assert_true(addr_eq(&a, &c));
    assert_false(addr_eq(&a, &b));
    assert_true(parse("192.0.2.1", &parsed));
    assert_memory_equal(&a, &parsed, sizeof(a));
    assert_true(parse("2001:db8::1", &parsed));
    assert_memory_equal(&b, &parsed, sizeof(b));
}

static void families_tell_addresses_with_equal_bytes_apart(void **state)
{
    (void)state;
    struct addr none = {0}, v4 = {.family = ADDR_V4}, v6 = {.family = ADDR_V6};
    assert_true(addr_eq(&none, &none));
    assert_false(addr_eq(&v4, &v6));
    assert_false(addr_eq(&none, &v4));
}

static void an_unknown_address_is_written_as_a_dash(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    assert_int_equal(addr_format(&(struct addr){0}, text), 1);
    assert_string_equal(text, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_addresses_are_read_and_written_canonically),
        cmocka_unit_test(anything_else_is_refused_and_leaves_the_result_alone),
        cmocka_unit_test(every_changed_byte_gives_a_refusal_or_an_address),
        cmocka_unit_test(bytes_of_a_socket_address_are_taken_and_mapped_ones_are_ipv4),
        cmocka_unit_test(families_tell_addresses_with_equal_bytes_apart),
        cmocka_unit_test(an_unknown_address_is_written_as_a_dash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
