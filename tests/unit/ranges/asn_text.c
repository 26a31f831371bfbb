#include "ranges/asn_text.h"

#include "told.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct told told;
static const uint32_t two[] = {64500, 4294967294U};
static const struct asn_named named = {two, N(two)};

static bool read_as(const char *name, struct str text, const struct asn_named *wanted,
                    struct diag *d)
{
    const struct asn_sink sink = told_sink(&told, wanted);
    return asn_text_read(&sink, name, text, d);
}

static void assert_reads(const char *name, const char *text, const struct asn_named *wanted,
                         const char *expected)
{
    struct diag d = {0};
    if (!read_as(name, str_from(text), wanted, &d))
        fail_msg("%s: refused: %s", text, d.message[0].text);
    assert_string_equal(told.text, expected);
    assert_int_equal(d.n, 0);
}

/* ── PREFIX ASN [NAME] ── */

static void tables_are_read_whatever_their_blanks_and_comments(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"192.0.2.0/24 64500\n", "192.0.2.0/24 64500\n"},
        {"192.0.2.0/24 AS64500 Example, Inc.\n", "192.0.2.0/24 64500 Example, Inc.\n"},
        {"192.0.2.0/24\tas64500\t Some  Body \r\n", "192.0.2.0/24 64500 Some  Body\n"},
        {"  192.0.2.0/24   64500   # whose\n", "192.0.2.0/24 64500\n"},
        {"# all\n\n \t \r\n2001:db8::/32 64500 \"Q\"", "2001:db8::/32 64500 \"Q\"\n"},
        {"192.0.2.7 64500\n2001:db8::1 64500\n", "192.0.2.7/32 64500\n2001:db8::1/128 64500\n"},
        {"::ffff:192.0.2.0/120 64500", "192.0.2.0/24 64500\n"},
        {"0.0.0.0/0 1\n::/0 1", "0.0.0.0/0 1\n::/0 1\n"},
        /* Host bits are cleared; of duplicates the table takes the first. */
        {"192.0.2.9/24 64500\n192.0.2.0/24 64511\n", "192.0.2.0/24 64500\n192.0.2.0/24 64511\n"},
        /* 32 bits, and nobody. */
        {"192.0.2.0/24 4294967295\n", "192.0.2.0/24 4294967295\n"},
        {"192.0.2.0/24 AS0 reserved\n", "192.0.2.0/24 0 reserved\n"},
        {"192.0.2.0/24 0\n", "192.0.2.0/24 0\n"},
    };
    for (size_t i = 0; i < N(rows); i++)
        assert_reads("/ranges/own.asn", rows[i].text, NULL, rows[i].expected);
}

static void what_is_not_wanted_is_told_as_nobodys_because_it_may_lie_in_what_is(void **state)
{
    (void)state;
    assert_reads("own.asn", "10.0.0.0/8 64500\n10.1.0.0/16 64501\n10.2.0.0/16 4294967294\n", &named,
                 "10.0.0.0/8 64500\n10.1.0.0/16 0\n10.2.0.0/16 4294967294\n");
}

/* ── FIRST,LAST,ASN[,NAME] ── */

static void spans_become_the_fewest_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"192.0.2.0,192.0.2.255,64500,Example\n", "192.0.2.0/24 64500 Example\n"},
        {"192.0.2.7,192.0.2.7,64500\r\n", "192.0.2.7/32 64500\n"},
        {"10.0.0.0,10.0.2.255,1", "10.0.0.0/23 1\n10.0.2.0/24 1\n"},
        {"10.0.0.1,10.0.0.6,1", "10.0.0.1/32 1\n10.0.0.2/31 1\n10.0.0.4/31 1\n10.0.0.6/32 1\n"},
        {"0.0.0.0,255.255.255.255,1", "0.0.0.0/0 1\n"},
        {"128.0.0.0,255.255.255.255,1", "128.0.0.0/1 1\n"},
        {"::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,1", "::/0 1\n"},
        {"2001:db8::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,1", "2001:db8::/47 1\n"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,1",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127 1\n"},
        /* Quotes, and a comma between them; comments; empty lines; nobody. */
        {"192.0.2.0,192.0.2.255,64500,\"Example, Inc.\"\n", "192.0.2.0/24 64500 Example, Inc.\n"},
        {"\"192.0.2.0\",\"192.0.2.255\",\"AS64500\",\"E\"", "192.0.2.0/24 64500 E\n"},
        {"# head\n\n\r\n192.0.2.0,192.0.2.255,64500,A,B\n", "192.0.2.0/24 64500 A\n"},
        {"192.0.2.0,192.0.2.255,0,None\n198.51.100.0,198.51.100.255,4294967295,\n",
         "198.51.100.0/24 4294967295\n"},
        /* There are no prefixes here, but it says of whom there are none. */
        {"192.0.2.0,192.0.2.255,0,None\n", ""},
    };
    for (size_t i = 0; i < N(rows); i++)
        assert_reads("/ranges/asn-ipv4.csv", rows[i].text, NULL, rows[i].expected);
}

static void spans_of_what_is_not_wanted_are_left_out(void **state)
{
    (void)state;
    assert_reads("asn.csv", "10.0.0.0,10.255.255.255,64501,No\n11.0.0.0,11.0.0.255,64500,Yes\n",
                 &named, "11.0.0.0/24 64500 Yes\n");
}

static void of_spans_that_overlap_the_first_counts(void **state)
{
    (void)state;
    assert_reads("asn.csv",
                 "10.0.0.0,10.0.1.255,1\n"
                 "10.0.1.0,10.0.2.255,2\n" /* its second half is left */
                 "10.0.2.0,10.0.2.63,3\n"  /* nothing is */
                 "10.0.2.128,10.0.3.0,4\n"
                 "::,::1:ffff,5\n"
                 "::1:0000,::1:ffff,6\n",
                 NULL, "10.0.0.0/23 1\n10.0.2.0/24 2\n10.0.3.0/32 4\n::/111 5\n");
    /* Whether the first is wanted or not. */
    assert_reads("asn.csv", "10.0.0.0,10.0.1.255,1\n10.0.1.0,10.0.2.255,64500\n", &named,
                 "10.0.2.0/24 64500\n");
    /* The last address of all has none behind it. */
    assert_reads("asn.csv", "255.255.255.0,255.255.255.255,1\n255.255.255.255,255.255.255.255,2\n",
                 NULL, "255.255.255.0/24 1\n");
    assert_reads("asn.csv", "10.0.1.0,10.0.1.255,1\n10.0.0.0,10.0.0.255,2\n", NULL,
                 "10.0.1.0/24 1\n10.0.0.0/24 2\n");
}

static struct addr address(uint32_t low, bool v6)
{
    const uint8_t b[] = {(uint8_t)(low >> 24), (uint8_t)(low >> 16), (uint8_t)(low >> 8),
                         (uint8_t)low};
    uint8_t long_form[16] = {0x20, 0x01, 0x0d, 0xb8};
    memcpy(long_form + 12, b, 4);
    return v6 ? addr_from_v6(long_form) : addr_from_v4(b);
}

struct cover {
    uint8_t times[256];
    bool v6;
    size_t n;
};

static bool cover(void *context, const struct asn_word *word)
{
    struct cover *c = context;
    c->n++;
    for (unsigned i = 0; i < 256; i++) {
        struct addr a = address(i, c->v6);
        c->times[i] = (uint8_t)(c->times[i] + prefix_holds(&word->prefix, &a));
    }
    return true;
}

static void every_span_of_a_few_addresses_is_covered_once_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first += 3)
        for (unsigned last = first; last < 256; last += 5)
            for (int v6 = 0; v6 < 2; v6++) {
                struct cover c = {.v6 = v6 != 0};
                const struct asn_sink sink = {.take = cover, .context = &c};
                char text[128], from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];
                struct addr a = address(first, c.v6), b = address(last, c.v6);
                struct diag d = {0};
                addr_format(&a, from);
                addr_format(&b, to);
                snprintf(text, sizeof(text), "%s,%s,1", from, to);
                assert_true(asn_text_read(&sink, "asn.csv", str_from(text), &d));
                assert_true(c.n <= 14);
                for (unsigned i = 0; i < 256; i++)
                    assert_int_equal(c.times[i], i >= first && i <= last);
            }
}

/* ── What is refused ── */

static void malformed_lines_are_refused_with_their_position(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        unsigned line, column;
        const char *says;
    } rows[] = {
        {"x.asn", "", 0, 0, "holds no prefixes"},
        {"x.asn", "# nothing\n\n", 0, 0, "holds no prefixes"},
        {"asn.csv", "", 0, 0, "holds no prefixes"},
        {"asn.csv", "\n\r\n#\n", 0, 0, "holds no prefixes"},
        {"x.asn", "192.0.2.0/24 1\n  192.0.2.0/33 1\n", 2, 3, "is no prefix"},
        {"x.asn", "example 1\n", 1, 1, "is no prefix"},
        {"x.asn", "192.0.2.0/24\n", 1, 1, "the number is missing"},
        {"x.asn", "192.0.2.0/24 # 1\n", 1, 1, "the number is missing"},
        {"x.asn", "192.0.2.0/24 one\n", 1, 14, "is no number of an autonomous system"},
        {"x.asn", "192.0.2.0/24 AS\n", 1, 14, "is no number"},
        {"x.asn", "192.0.2.0/24 ASAS1\n", 1, 14, "is no number"},
        {"x.asn", "192.0.2.0/24 -1\n", 1, 14, "is no number"},
        {"x.asn", "192.0.2.0/24 1.10\n", 1, 14, "is no number"}, /* RFC 5396, asdot */
        {"x.asn", "192.0.2.0/24 4294967296\n", 1, 14, "at most 4294967295"},
        {"x.asn", "192.0.2.0/24 064500\n", 1, 14, "is no number"},
        {"asn.csv", "network,autonomous_system_number\n", 1, 1, "begins no span of addresses"},
        {"asn.csv", "1.0.0.0,1.0.0.255\n", 1, 18, "is no number"},
        {"asn.csv", "1.0.0.0,1.0.0.255,x,y\n", 1, 19, "is no number"},
        {"asn.csv", "1.0.0.0,1.0.0.255,1\n1.0.1.0,1.0.0.255,1\n", 2, 1, "begins no span"},
        {"asn.csv", "1.0.0.0,2001:db8::,1\n", 1, 1, "begins no span"},
        {"asn.csv", "16777216,16777471,13335\n", 1, 1, "such as \"192.0.2.0,192.0.2.255,64500"},
        {"asn.csv", "\"1.0.0.0,1.0.0.255,1\n", 1, 2, "begins no span"},
        {"asn.csv", "1.0.0.0/24,1\n", 1, 1, "begins no span"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct diag d = {0};
        if (read_as(rows[i].name, str_from(rows[i].text), NULL, &d))
            fail_msg("taken: %s", rows[i].text);
        assert_int_equal(d.n, 1);
        assert_string_equal(d.message[0].file, rows[i].name);
        assert_int_equal(d.message[0].line, rows[i].line);
        assert_int_equal(d.message[0].column, rows[i].column);
        if (strstr(d.message[0].text, rows[i].says) == NULL)
            fail_msg("%s: said \"%s\"", rows[i].text, d.message[0].text);
        diag_clear(&d);
    }
}

static void every_wrong_line_is_said(void **state)
{
    (void)state;
    struct diag d = {0};
    assert_false(read_as("x.asn", STR("a 1\n192.0.2.0/24 1\nb 2\nc"), NULL, &d));
    assert_int_equal(d.n_errors, 3);
    assert_int_equal(d.message[2].line, 4);
    diag_clear(&d);
}

static void a_byte_zero_and_a_very_long_line_are_like_any_others(void **state)
{
    (void)state;
    struct diag d = {0};
    const size_t size = 4U << 20;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "192.0.2.0/24 64500 ", 19);
    const struct asn_named none = {NULL, 0};
    assert_true(read_as("x.asn", str_make(text, size), &none, &d));
    assert_int_equal(told.n, 1);
    memset(text, '1', size);
    assert_false(read_as("x.asn", str_make(text, size), NULL, &d));
    assert_false(read_as("asn.csv", str_make(text, size), NULL, &d));
    assert_int_equal(d.n_errors, 2);
    diag_clear(&d);
    free(text);
    assert_false(read_as("x.asn", STR("192.0.2.0/24\0 64500"), NULL, &d));
    assert_true(read_as("x.asn", STR("192.0.2.0/24 64500 a\0b"), &none, &d));
    diag_clear(&d);
}

static void what_the_sink_has_no_room_for_is_an_error(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"x.asn", "10.0.0.0/8 1\n11.0.0.0/8 1\n12.0.0.0/8 1\n"},
                                          {"asn.csv", "10.0.0.1,10.0.0.6,1\n"}};
    for (size_t i = 0; i < N(rows); i++) {
        struct diag d = {0};
        const struct asn_sink sink = told_sink(&told, NULL);
        told.room = 2;
        assert_false(asn_text_read(&sink, rows[i][0], str_from(rows[i][1]), &d));
        assert_int_equal(d.n_errors, 1);
        assert_non_null(strstr(d.message[0].text, "too many prefixes"));
        diag_clear(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_read_whatever_their_blanks_and_comments),
        cmocka_unit_test(what_is_not_wanted_is_told_as_nobodys_because_it_may_lie_in_what_is),
        cmocka_unit_test(spans_become_the_fewest_prefixes),
        cmocka_unit_test(spans_of_what_is_not_wanted_are_left_out),
        cmocka_unit_test(of_spans_that_overlap_the_first_counts),
        cmocka_unit_test(every_span_of_a_few_addresses_is_covered_once_and_nothing_else),
        cmocka_unit_test(malformed_lines_are_refused_with_their_position),
        cmocka_unit_test(every_wrong_line_is_said),
        cmocka_unit_test(a_byte_zero_and_a_very_long_line_are_like_any_others),
        cmocka_unit_test(what_the_sink_has_no_room_for_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
