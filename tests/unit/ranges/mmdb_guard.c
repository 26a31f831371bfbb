#include "ranges/mmdb_guard.h"

#include "mmdb.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *record(const struct mmdb_bytes *b, size_t at, uint64_t *left)
{
    return mmdb_guard_record(str_make((const char *)b->data, b->len), at, left);
}

static void every_type_is_walked_over(void **state)
{
    (void)state;
    struct mmdb_bytes b = {NULL, 0, 0};
    uint64_t left = 1000;
    char text[66000];
    static const size_t sizes[] = {0, 28, 29, 284, 285, 65820, 65821, 65999};
    mmdb_head(&b, MMDB_MAP, 7 + sizeof(sizes) / sizeof(sizes[0]));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(text, 'x', sizes[i]);
        text[sizes[i]] = '\0';
        mmdb_text(&b, "text");
        mmdb_text(&b, text);
    }
    mmdb_text(&b, "double");
    mmdb_head(&b, 3, 8);
    mmdb_put(&b, "12345678", 8);
    mmdb_text(&b, "yes");
    mmdb_head(&b, 14, 1);
    mmdb_text(&b, "pointer");
    mmdb_pointer(&b, 0);
    mmdb_text(&b, "short pointer");
    mmdb_byte(&b, 1U << 5);
    mmdb_byte(&b, 0);
    mmdb_text(&b, "map");
    mmdb_head(&b, MMDB_MAP, 1);
    mmdb_text(&b, "list");
    mmdb_head(&b, MMDB_ARRAY, 2);
    mmdb_number(&b, MMDB_UINT64, UINT64_MAX);
    mmdb_number(&b, MMDB_UINT16, 1);
    mmdb_text(&b, "empty map");
    mmdb_head(&b, MMDB_MAP, 0);
    mmdb_text(&b, "empty list");
    mmdb_head(&b, MMDB_ARRAY, 0);
    assert_null(record(&b, 0, &left));
    assert_int_equal(left, 1000 - (1 + 2 * 15 + 2 + 2));
    for (; b.len > 0; b.len--) {
        struct mmdb_bytes cut = b;
        cut.len--;
        left = 1000;
        assert_non_null(record(&cut, 0, &left));
        if (b.len == 1000) /* the rest is one text */
            break;
    }
    free(b.data);
}

static void what_is_left_goes_down_with_each_value_and_ends_it(void **state)
{
    (void)state;
    struct mmdb_bytes b = {NULL, 0, 0};
    uint64_t left = 7;
    mmdb_head(&b, MMDB_ARRAY, 2);
    mmdb_text(&b, "a");
    mmdb_text(&b, "b");
    assert_null(record(&b, 0, &left));
    assert_int_equal(left, 4);
    assert_null(record(&b, 0, &left));
    assert_non_null(record(&b, 0, &left));
    left = 3;
    assert_null(record(&b, 0, &left));
    assert_int_equal(left, 0);
    assert_non_null(record(&b, 0, &left));
    assert_non_null(record(&b, b.len, &(uint64_t){100}));
    assert_non_null(record(&b, SIZE_MAX, &(uint64_t){100}));
    free(b.data);
}

static void sizes_that_nothing_could_hold_come_to_an_end(void **state)
{
    (void)state;
    static const unsigned char maps[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    uint64_t left = MMDB_GUARD_VALUES_MAX;
    assert_non_null(mmdb_guard_record(str_make((const char *)maps, 12), 0, &left));
    assert_true(left > MMDB_GUARD_VALUES_MAX - 20);
}

/* Of metadata with a list of one pointer. */
static const char *metadata(uint32_t target, unsigned type_there)
{
    struct mmdb_bytes b = {NULL, 0, 0};
    mmdb_marker(&b);
    mmdb_head(&b, MMDB_MAP, 2);
    mmdb_text(&b, "a");
    mmdb_head(&b, MMDB_ARRAY, 1);
    mmdb_pointer(&b, target); /* the bytes 5 to 9 */
    mmdb_text(&b, "b");
    mmdb_head(&b, type_there, 0); /* byte 12, or for some types that and byte 13 */
    const char *why = mmdb_guard_metadata(str_make((const char *)b.data, b.len));
    free(b.data);
    return why;
}

static void pointers_of_metadata_lead_to_texts_inside_it(void **state)
{
    (void)state;
    assert_null(metadata(1, MMDB_UINT32));
    assert_null(metadata(12, MMDB_STRING));
    assert_non_null(metadata(12, MMDB_UINT32));
    assert_non_null(metadata(12, MMDB_MAP));
    assert_non_null(metadata(12, MMDB_ARRAY));
    assert_non_null(metadata(0, MMDB_STRING));
    assert_non_null(metadata(3, MMDB_STRING));
    assert_non_null(metadata(5, MMDB_STRING));
    assert_non_null(metadata(13, MMDB_STRING));
    assert_non_null(metadata(UINT32_MAX, MMDB_STRING));
}

static void metadata_is_a_map_of_plain_values_and_lists_of_texts(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        bool good;
    } rows[] = {
        {STR_INIT("\xe0"), true},
        {STR_INIT("\xe1\x41x\xa1\x01"), true},       /* a number */
        {STR_INIT("\xe1\x41x\xe1\x41y\x41z"), true}, /* a map of texts */
        {STR_INIT("\xe1\x41x\x00\x04"), true},       /* an empty list */
        {STR_INIT("\xe1\x41x\x01\x07"), true},       /* yes */
        {STR_INIT(""), false},
        {STR_INIT("\x41x"), false},
        {STR_INIT("\xe1\x41x"), false},                  /* without a value */
        {STR_INIT("\xe1\xa1\x01\x41x"), false},          /* a number for a name */
        {STR_INIT("\xe1\x41x\xe1\x41y\xa1\x01"), false}, /* a map of numbers */
        {STR_INIT("\xe1\x41x\xe1\x41y\xe0"), false},     /* a map of maps */
        {STR_INIT("\xe1\x41x\x01\x04\x00\x04"), false},  /* a list of lists */
        {STR_INIT("\xe1\x41x\xff\xff\xff\xff"), false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mmdb_bytes b = {NULL, 0, 0};
        mmdb_marker(&b);
        mmdb_put(&b, rows[i].bytes.data, rows[i].bytes.len);
        const char *why = mmdb_guard_metadata(str_make((const char *)b.data, b.len));
        if ((why == NULL) != rows[i].good)
            fail_msg("row %zu: %s", i, why != NULL ? why : "taken");
        free(b.data);
    }
}

static void of_several_markers_the_last_counts(void **state)
{
    (void)state;
    struct mmdb_bytes b = {NULL, 0, 0};
    mmdb_marker(&b);
    mmdb_byte(&b, 0xff);
    mmdb_marker(&b);
    mmdb_head(&b, MMDB_MAP, 0);
    assert_null(mmdb_guard_metadata(str_make((const char *)b.data, b.len)));
    mmdb_marker(&b);
    assert_non_null(mmdb_guard_metadata(str_make((const char *)b.data, b.len)));
    assert_non_null(mmdb_guard_metadata(STR("")));
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_walked_over),
        cmocka_unit_test(what_is_left_goes_down_with_each_value_and_ends_it),
        cmocka_unit_test(sizes_that_nothing_could_hold_come_to_an_end),
        cmocka_unit_test(pointers_of_metadata_lead_to_texts_inside_it),
        cmocka_unit_test(metadata_is_a_map_of_plain_values_and_lists_of_texts),
        cmocka_unit_test(of_several_markers_the_last_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
