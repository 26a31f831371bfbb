#include "ranges/asn_mmdb.h"

#include "mmdb.h"
#include "told.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct told told;

static bool read_bytes(const struct mmdb_bytes *b, const struct asn_named *named, struct diag *d)
{
    const struct asn_sink sink = told_sink(&told, named);
    return asn_mmdb_read(&sink, "x.mmdb", str_make((const char *)b->data, b->len), d);
}

static void assert_reads(const struct mmdb *m, const struct asn_named *named, const char *expected)
{
    struct diag d = {0};
    struct mmdb_bytes b = mmdb_file(m);
    if (!read_bytes(&b, named, &d))
        fail_msg("refused: %s", d.message[0].text);
    assert_string_equal(told.text, expected);
    assert_int_equal(d.n, 0);
    free(b.data);
}

/* With words in which `why` stands. Releases the bytes. */
static void assert_bytes_refused(struct mmdb_bytes b, const char *why)
{
    struct diag d = {0};
    if (read_bytes(&b, NULL, &d))
        fail_msg("taken, not refused because \"%s\"", why);
    assert_int_equal(d.n_errors, 1);
    assert_string_equal(d.message[0].file, "x.mmdb");
    if (strstr(d.message[0].text, why) == NULL)
        fail_msg("said \"%s\", not \"%s\"", d.message[0].text, why);
    diag_clear(&d);
    free(b.data);
}

static void assert_refused(const struct mmdb *m, const char *why)
{
    assert_bytes_refused(mmdb_file(m), why);
}

/* ── What is in use ── */

static void a_database_is_read_with_records_of_24_28_and_32_bits(void **state)
{
    (void)state;
    for (unsigned size = 24; size <= 32; size += 4) {
        struct mmdb *m = mmdb_new(6, size);
        const uint64_t one = mmdb_record(m, 64500, "One"), two = mmdb_record(m, 4294967294U, "Two");
        mmdb_set(m, "192.0.2.0/24", one);
        mmdb_set(m, "192.0.2.128/25", two);
        mmdb_set(m, "2001:db8::/32", one);
        mmdb_set(m, "2001:db8:1::1/128", two);
        assert_reads(m, &(struct asn_named){(const uint32_t[]){4294967294U}, 1},
                     "192.0.2.128/25 4294967294 Two\n2001:db8:1::1/128 4294967294 Two\n");
        mmdb_free(m);
    }
}

static void a_database_of_ipv4_alone_is_read(void **state)
{
    (void)state;
    struct mmdb *m = mmdb_new(4, 24);
    const uint64_t one = mmdb_record(m, 64500, "One");
    mmdb_set(m, "128.0.0.0/1", one);
    mmdb_set(m, "10.0.0.1/32", one);
    assert_reads(m, NULL, "10.0.0.1/32 64500 One\n128.0.0.0/1 64500 One\n");
    mmdb_free(m);
}

static void what_lies_at_more_than_one_place_of_the_tree_is_told_once(void **state)
{
    (void)state;
    struct mmdb *m = mmdb_new(6, 28);
    mmdb_set(m, "192.0.2.0/24", mmdb_record(m, 64500, "One"));
    const uint32_t ipv4 = mmdb_behind_zeros(m, 96);
    mmdb_set(m, "2002::/16", ipv4);
    mmdb_set(m, "2001::/32", ipv4);
    mmdb_set(m, "64:ff9b::/96", ipv4);
    assert_reads(m, NULL, "192.0.2.0/24 64500 One\n");
    mmdb_free(m);
}

static void records_that_say_nothing_of_a_system_are_of_nobody(void **state)
{
    (void)state;
    struct mmdb *m = mmdb_new(4, 24);
    mmdb_set(m, "10.0.0.0/8", mmdb_record(m, 0, "Nobody"));
    mmdb_set(m, "11.0.0.0/8", MMDB_DATA | m->data.len);
    mmdb_head(&m->data, MMDB_MAP, 1);
    mmdb_text(&m->data, "autonomous_system_organization");
    mmdb_text(&m->data, "No number");
    mmdb_set(m, "12.0.0.0/8", mmdb_record(m, 1, ""));
    assert_reads(m, NULL, "12.0.0.0/8 1\n");
    mmdb_free(m);
}

static void numbers_of_other_types_are_taken_if_they_fit(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        uint64_t number;
        bool fits;
    } rows[] = {{MMDB_UINT16, 64500, true},
                {MMDB_UINT64, 4294967295, true},
                {MMDB_UINT64, 4294967296, false},
                {8, 64500, true}, /* signed, of 32 bits */
                {8, 0xfffffffe, false}};
    for (size_t i = 0; i < N(rows); i++) {
        struct mmdb *m = mmdb_new(4, 24);
        char expected[64];
        mmdb_set(m, "10.0.0.0/8", MMDB_DATA);
        mmdb_head(&m->data, MMDB_MAP, 1);
        mmdb_text(&m->data, "autonomous_system_number");
        mmdb_number(&m->data, rows[i].type, rows[i].number);
        snprintf(expected, sizeof(expected), "10.0.0.0/8 %u\n", (unsigned)rows[i].number);
        if (rows[i].fits)
            assert_reads(m, NULL, expected);
        else
            assert_refused(m, "is no number of at most 32 bits");
        mmdb_free(m);
    }
}

static void a_number_that_pointers_lead_to_is_found(void **state)
{
    (void)state;
    struct mmdb *m = mmdb_new(4, 24);
    mmdb_text(&m->data, "autonomous_system_number");
    const uint32_t number = (uint32_t)m->data.len;
    mmdb_number(&m->data, MMDB_UINT32, 64500);
    mmdb_set(m, "10.0.0.0/8", MMDB_DATA | m->data.len);
    mmdb_head(&m->data, MMDB_MAP, 1);
    mmdb_pointer(&m->data, 0);
    mmdb_pointer(&m->data, number);
    assert_reads(m, NULL, "10.0.0.0/8 64500\n");
    mmdb_free(m);
}

/* ── What is not ── */

static struct mmdb *sound(void)
{
    struct mmdb *m = mmdb_new(6, 24);
    mmdb_set(m, "192.0.2.0/24", mmdb_record(m, 64500, "One"));
    mmdb_set(m, "2001:db8::/32", mmdb_record(m, 64501, "Two"));
    return m;
}

static void a_database_of_another_kind_is_refused(void **state)
{
    (void)state;
    struct mmdb *m = mmdb_new(4, 24);
    mmdb_set(m, "10.0.0.0/8", MMDB_DATA);
    mmdb_head(&m->data, MMDB_MAP, 1);
    mmdb_text(&m->data, "country");
    mmdb_text(&m->data, "XX");
    assert_refused(m, "has no autonomous_system_number: expected a database such as GeoLite2-ASN");
    m->data.len = 0;
    mmdb_head(&m->data, MMDB_MAP, 1);
    mmdb_text(&m->data, "autonomous_system_number");
    mmdb_text(&m->data, "AS64500");
    assert_refused(m, "is no number of at most 32 bits");
    m->data.len = 0;
    mmdb_text(&m->data, "autonomous_system_number");
    assert_refused(m, "has no autonomous_system_number");
    mmdb_free(m);
    m = mmdb_new(5, 24);
    mmdb_set(m, "10.0.0.0/8", mmdb_record(m, 1, "One"));
    assert_refused(m, "");
    mmdb_free(m);
    m = mmdb_new(4, 26);
    mmdb_set(m, "10.0.0.0/8", mmdb_record(m, 1, "One"));
    assert_refused(m, "");
    mmdb_free(m);
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    struct mmdb_bytes b = {NULL, 0, 0};
    mmdb_put(&b, "192.0.2.0/24 64500\n", 19);
    assert_bytes_refused(b, "the marker at its end is missing");
    b = (struct mmdb_bytes){NULL, 0, 0};
    mmdb_byte(&b, 0);
    b.len = 0;
    assert_bytes_refused(b, "the marker at its end is missing");
    b = (struct mmdb_bytes){NULL, 0, 0};
    mmdb_marker(&b);
    assert_bytes_refused(b, "cut off");
    /* The marker further from the end than the library looks for it. */
    b = (struct mmdb_bytes){NULL, 0, 0};
    mmdb_marker(&b);
    for (int i = 0; i < 131072; i++)
        mmdb_byte(&b, 0);
    assert_bytes_refused(b, "the marker at its end is missing");
}

static void it_is_refused_wherever_it_is_cut_off(void **state)
{
    (void)state;
    struct mmdb *m = sound();
    struct mmdb_bytes b = mmdb_file(m);
    for (size_t len = 0; len < b.len; len++) {
        struct diag d = {0};
        /* At the very end of what was allocated, so that a byte behind it is found out. */
        struct mmdb_bytes cut = {malloc(len > 0 ? len : 1), len, len};
        assert_non_null(cut.data);
        memcpy(cut.data, b.data, len);
        assert_false(read_bytes(&cut, NULL, &d));
        assert_int_equal(d.n_errors, 1);
        diag_clear(&d);
        free(cut.data);
    }
    free(b.data);
    mmdb_free(m);
}

static void whatever_byte_is_damaged_it_comes_to_an_end(void **state)
{
    (void)state;
    struct mmdb *m = sound();
    struct mmdb_bytes b = mmdb_file(m);
    static const unsigned char masks[] = {0x01, 0x80, 0xff, 0x20, 0xe0};
    for (size_t i = 0; i < b.len; i++)
        for (size_t j = 0; j < N(masks); j++) {
            struct diag d = {0};
            b.data[i] ^= masks[j];
            bool good = read_bytes(&b, NULL, &d);
            assert_int_equal(d.n_errors, good ? 0 : 1);
            diag_clear(&d);
            b.data[i] ^= masks[j];
        }
    free(b.data);
    mmdb_free(m);
}

static void nodes_that_lie_in_each_other_are_noticed(void **state)
{
    (void)state;
    /* A loop is deeper than any address; what comes together again and again has no end. */
    struct mmdb *m = sound();
    mmdb_set(m, "0:8000::/17", 1);
    assert_refused(m, "deeper than addresses are long");
    mmdb_free(m);
    m = mmdb_new(6, 24);
    mmdb_record(m, 1, "One");
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t next = mmdb_node(m);
        m->node[i][0] = m->node[i][1] = next;
    }
    assert_refused(m, "has no end");
    mmdb_free(m);
}

static void records_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    static const uint64_t nowhere[] = {0, 1, 15, 100000, 0xfffff};
    for (size_t i = 0; i < N(nowhere); i++) {
        struct mmdb *m = sound();
        mmdb_set(m, "8000::/1", MMDB_RAW | (m->n_nodes + nowhere[i]));
        if (nowhere[i] == 0)
            assert_reads(m, NULL, "192.0.2.0/24 64500 One\n2001:db8::/32 64501 Two\n");
        else
            assert_refused(m, "");
        mmdb_free(m);
    }
}

static void a_number_of_nodes_that_the_file_does_not_hold_is_refused(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, 1000000, 0x2aaaaaac, 0xffffffff};
    for (size_t i = 0; i < N(counts); i++) {
        struct mmdb *m = sound();
        struct mmdb_bytes b = {NULL, 0, 0};
        mmdb_put_tree(&b, m);
        mmdb_put_metadata(&b, m, counts[i]);
        assert_bytes_refused(b, "");
        mmdb_free(m);
    }
}

static void what_is_nested_without_end_is_refused(void **state)
{
    (void)state;
    struct mmdb *m = mmdb_new(4, 24);
    mmdb_set(m, "10.0.0.0/8", MMDB_DATA);
    mmdb_head(&m->data, MMDB_MAP, 1);
    mmdb_text(&m->data, "x");
    for (int i = 0; i < 2000000; i++)
        mmdb_head(&m->data, MMDB_ARRAY, 1);
    mmdb_text(&m->data, "end");
    assert_refused(m, "larger than those of any that is known");
    /* The same in the metadata, as far as the library looks for its beginning. */
    struct mmdb_bytes b = {NULL, 0, 0};
    m->data.len = 0;
    mmdb_put_tree(&b, m);
    mmdb_marker(&b);
    mmdb_head(&b, MMDB_MAP, 1);
    mmdb_text(&b, "x");
    for (int i = 0; i < 65000; i++)
        mmdb_head(&b, MMDB_ARRAY, 1);
    mmdb_text(&b, "end");
    assert_bytes_refused(b, "its metadata is cut off, or damaged");
    mmdb_free(m);
}

static void metadata_whose_pointers_multiply_is_refused(void **state)
{
    (void)state;
    struct mmdb *m = sound();
    struct mmdb_bytes b = {NULL, 0, 0};
    mmdb_put_tree(&b, m);
    mmdb_marker(&b);
    const size_t section = b.len;
    mmdb_head(&b, MMDB_MAP, 9);
    mmdb_text(&b, "languages");
    size_t list = b.len - section;
    for (int level = 0; level < 8; level++) {
        mmdb_head(&b, MMDB_ARRAY, 10);
        for (int i = 0; i < 10; i++)
            mmdb_pointer(&b, (uint32_t)(list + 2 + 50));
        list += 52;
    }
    mmdb_text(&b, "en");
    assert_bytes_refused(b, "");
    mmdb_free(m);
}

static void many_large_records_are_refused_before_they_take_long(void **state)
{
    (void)state;
    /* The records of a million networks, which are all the same, of 500 values each. */
    struct mmdb *m = mmdb_new(4, 32);
    struct mmdb_bytes b = {NULL, 0, 0};
    const uint32_t nodes = (1U << 20) - 1;
    for (uint32_t i = 0; i < nodes; i++)
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            for (unsigned k = 4; k-- > 0;)
                mmdb_byte(&b, (child < nodes ? child : nodes + 16) >> (8 * k));
    for (int i = 0; i < 16; i++)
        mmdb_byte(&b, 0);
    mmdb_head(&b, MMDB_MAP, 250);
    for (int i = 0; i < 500; i++)
        mmdb_text(&b, "");
    mmdb_put_metadata(&b, m, nodes);
    assert_bytes_refused(b, "larger than those of any that is known");
    mmdb_free(m);
}

static void what_the_sink_has_no_room_for_is_an_error(void **state)
{
    (void)state;
    struct mmdb *m = sound();
    struct mmdb_bytes b = mmdb_file(m);
    struct diag d = {0};
    const struct asn_sink sink = told_sink(&told, NULL);
    told.room = 1;
    assert_false(asn_mmdb_read(&sink, "x.mmdb", str_make((const char *)b.data, b.len), &d));
    assert_non_null(strstr(d.message[0].text, "too many prefixes"));
    diag_clear(&d);
    free(b.data);
    mmdb_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_is_read_with_records_of_24_28_and_32_bits),
        cmocka_unit_test(a_database_of_ipv4_alone_is_read),
        cmocka_unit_test(what_lies_at_more_than_one_place_of_the_tree_is_told_once),
        cmocka_unit_test(records_that_say_nothing_of_a_system_are_of_nobody),
        cmocka_unit_test(numbers_of_other_types_are_taken_if_they_fit),
        cmocka_unit_test(a_number_that_pointers_lead_to_is_found),
        cmocka_unit_test(a_database_of_another_kind_is_refused),
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(it_is_refused_wherever_it_is_cut_off),
        cmocka_unit_test(whatever_byte_is_damaged_it_comes_to_an_end),
        cmocka_unit_test(nodes_that_lie_in_each_other_are_noticed),
        cmocka_unit_test(records_that_lead_nowhere_are_refused),
        cmocka_unit_test(a_number_of_nodes_that_the_file_does_not_hold_is_refused),
        cmocka_unit_test(what_is_nested_without_end_is_refused),
        cmocka_unit_test(metadata_whose_pointers_multiply_is_refused),
        cmocka_unit_test(many_large_records_are_refused_before_they_take_long),
        cmocka_unit_test(what_the_sink_has_no_room_for_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
