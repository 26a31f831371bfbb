#include <archeio/prefix.h>

#include "check.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct prefix prefix(const char *text)
{
    struct prefix p;
    if (prefix_parse(str_from(text), &p) != PREFIX_OK)
        fail_msg("%s is no prefix", text);
    return p;
}

struct row {
    const char *text;
    enum prefix_result result;
    const char *canonical;
};

static const struct row rows[] = {
    {"192.0.2.0/24", PREFIX_OK, "192.0.2.0/24"},
    {"0.0.0.0/0", PREFIX_OK, "0.0.0.0/0"},
    {"192.0.2.1/32", PREFIX_OK, "192.0.2.1/32"},
    {"192.0.2.1", PREFIX_OK, "192.0.2.1/32"},
    {"128.0.0.0/1", PREFIX_OK, "128.0.0.0/1"},
    {"10.128.0.0/9", PREFIX_OK, "10.128.0.0/9"},
    {"192.0.2.1/24", PREFIX_HOST_BITS, "192.0.2.0/24"},
    {"192.0.2.1/31", PREFIX_HOST_BITS, "192.0.2.0/31"},
    {"255.255.255.255/0", PREFIX_HOST_BITS, "0.0.0.0/0"},
    {"::/0", PREFIX_OK, "::/0"},
    {"2001:db8::/32", PREFIX_OK, "2001:db8::/32"},
    {"2001:db8::1", PREFIX_OK, "2001:db8::1/128"},
    {"2001:db8::1/128", PREFIX_OK, "2001:db8::1/128"},
    {"2001:db8::1/127", PREFIX_HOST_BITS, "2001:db8::/127"},
    {"2001:db8:1::/33", PREFIX_HOST_BITS, "2001:db8::/33"},
    {"2600:1f01:4874::/47", PREFIX_OK, "2600:1f01:4874::/47"},
    {"::ffff:192.0.2.0/120", PREFIX_OK, "192.0.2.0/24"},
    {"::ffff:192.0.2.1", PREFIX_OK, "192.0.2.1/32"},
    {"::ffff:0:0/96", PREFIX_OK, "0.0.0.0/0"},
    {"::ffff:192.0.2.1/120", PREFIX_HOST_BITS, "192.0.2.0/24"},
    {"::ffff:0:0/95", PREFIX_MALFORMED, NULL},
    {"::ffff:192.0.2.0/24", PREFIX_MALFORMED, NULL},
    {"", PREFIX_MALFORMED, NULL},
    {"/", PREFIX_MALFORMED, NULL},
    {"/24", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/33", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/999", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/18446744073709551640", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/024", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/+24", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/-1", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/ 24", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/24 ", PREFIX_MALFORMED, NULL},
    {"192.0.2.0 /24", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/24/24", PREFIX_MALFORMED, NULL},
    {"192.0.2.0/255.255.255.0", PREFIX_MALFORMED, NULL},
    {"192.0.2/24", PREFIX_MALFORMED, NULL},
    {"192.0.2.256/24", PREFIX_MALFORMED, NULL},
    {"2001:db8::/129", PREFIX_MALFORMED, NULL},
    {"2001:db8::/032", PREFIX_MALFORMED, NULL},
    {"2001:db8/32", PREFIX_MALFORMED, NULL},
    {"example.com/24", PREFIX_MALFORMED, NULL},
};

static void prefixes_are_read_strictly_and_written_canonically(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct prefix p, before;
        char text[PREFIX_TEXT_MAX];
        memset(&p, 0x5a, sizeof(p));
        before = p;
        if (prefix_parse(str_from(rows[i].text), &p) != rows[i].result)
            fail_msg("\"%s\" was read as something else", rows[i].text);
        if (rows[i].canonical == NULL) {
            assert_memory_equal(&p, &before, sizeof(p));
            continue;
        }
        size_t len = prefix_format(&p, text);
        assert_string_equal(text, rows[i].canonical);
        assert_int_equal(len, strlen(text));
        struct prefix again = prefix(text);
        assert_int_equal(prefix_compare(&p, &again), 0);
    }
}

static void the_longest_text_fits(void **state)
{
    (void)state;
    const char *longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128";
    struct prefix p = prefix(longest);
    char text[PREFIX_TEXT_MAX];
    assert_int_equal(prefix_format(&p, text), strlen(longest));
    assert_string_equal(text, longest);
}

static void a_prefix_holds_its_first_and_last_address_and_not_their_neighbours(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *before, *first, *last, *after;
    } cases[] = {
        {"192.0.2.0/24", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"192.0.2.4/30", "192.0.2.3", "192.0.2.4", "192.0.2.7", "192.0.2.8"},
        {"192.0.2.7/32", "192.0.2.6", "192.0.2.7", "192.0.2.7", "192.0.2.8"},
        {"128.0.0.0/1", "127.255.255.255", "128.0.0.0", "255.255.255.255", "::"},
        {"0.0.0.0/0", "::", "0.0.0.0", "255.255.255.255", "::1"},
        {"::/0", "0.0.0.0", "::", "ffff::ffff", "255.255.255.255"},
        {"2001:db8:8::/45",
         "2001:db8:7:ffff::", "2001:db8:8::", "2001:db8:f:ffff::", "2001:db8:10::"},
        {"2001:db8::1/128", "2001:db8::", "2001:db8::1", "2001:db8::1", "2001:db8::2"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct prefix p = prefix(cases[i].prefix);
        struct addr before = check_addr(cases[i].before), first = check_addr(cases[i].first);
        struct addr last = check_addr(cases[i].last), after = check_addr(cases[i].after);
        assert_false(prefix_holds(&p, &before));
        assert_true(prefix_holds(&p, &first));
        assert_true(prefix_holds(&p, &last));
        assert_false(prefix_holds(&p, &after));
    }
}

static void no_prefix_holds_an_unknown_address(void **state)
{
    (void)state;
    struct prefix all = prefix("0.0.0.0/0"), none = {0};
    assert_false(prefix_holds(&all, &(struct addr){0}));
    assert_false(prefix_holds(&none, &(struct addr){0}));
}

static void host_bits_are_cleared_at_every_length(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct prefix p = {.addr = {.family = ADDR_V6}, .bits = (uint8_t)bits};
        memset(p.addr.bytes, 0xff, sizeof(p.addr.bytes));
        assert_int_equal(prefix_clear_host(&p), bits < 128);
        for (unsigned i = 0; i < 128; i++)
            assert_int_equal(p.addr.bytes[i / 8] >> (7 - i % 8) & 1, i < bits);
        assert_false(prefix_clear_host(&p));
    }
}

static void prefixes_stand_by_family_address_and_length(void **state)
{
    (void)state;
    static const char *const ordered[] = {"0.0.0.0/0",     "0.0.0.0/8",    "10.0.0.0/8",
                                          "10.0.0.0/16",   "10.0.1.0/24",  "::/0",
                                          "2001:db8::/32", "2001:db8::/48"};
    for (size_t i = 0; i < COUNT(ordered); i++) {
        for (size_t j = 0; j < COUNT(ordered); j++) {
            struct prefix a = prefix(ordered[i]), b = prefix(ordered[j]);
            int order = prefix_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_read_strictly_and_written_canonically),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(a_prefix_holds_its_first_and_last_address_and_not_their_neighbours),
        cmocka_unit_test(no_prefix_holds_an_unknown_address),
        cmocka_unit_test(host_bits_are_cleared_at_every_length),
        cmocka_unit_test(prefixes_stand_by_family_address_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
