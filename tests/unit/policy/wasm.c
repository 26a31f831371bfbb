/*
 * A snapshot in a WebAssembly module: what comes out, and modules that are none.
 */
#include "check.h"

#include "policy/image.h"
#include "policy/wasm.h"

#include <stdlib.h>

#define PAGE 65536U
#define IMAGE_SIZE 70000U /* two pages */

#define HEADER "\0asm\1\0\0\0"
#define TYPES "\1\4\1\x60\0\0"
#define IMPORTS "\2\x12\2\3env\1f\0\0\3env\1g\3\x7f\0" /* a function and a global */
#define MEMORY "\5\3\1\0\2"                            /* two pages */
#define GLOBALS                                                                                    \
    "\6\x1a\3"                                                                                     \
    "\x7e\0\x42\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x0b" /* i64 */                                 \
    "\x7f\1\x41\x80\x80\4\x0b"                           /* a stack pointer */                     \
    "\x7f\0\x41\x08\x0b"                                 /* the place: 8 */
#define EXPORTS "\7\x1b\2\6memory\2\0\x0einserted_place\3\3"
#define COUNT "\x0c\1\1"
#define CUSTOM "\0\6\4nameX"
#define DATA "\x0b\x0a\1\0\x41\x80\x08\x0b\3abc" /* "abc" at 1024 */

#define BYTES(literal) str_make(literal, sizeof(literal) - 1)

static const struct str module =
    STR_INIT(HEADER TYPES IMPORTS MEMORY GLOBALS EXPORTS COUNT CUSTOM DATA);

/* Its byte order is looked at, and nothing else. */
static union {
    struct image_header header;
    char bytes[IMAGE_SIZE];
} image = {.header = {.magic = IMAGE_MAGIC, .order = IMAGE_ORDER}};

static struct str image_bytes(void)
{
    return str_make(image.bytes, sizeof(image.bytes));
}

static const char *why;

/* The result, in memory of exactly its size; data is NULL if it was refused. */
static struct str insert(struct str bytes)
{
    char *out = malloc(wasm_bound(bytes.len, IMAGE_SIZE));
    why = NULL;
    size_t len = wasm_insert(bytes, image_bytes(), out, &why);
    assert_true((len == 0) == (why != NULL));
    if (len > 0)
        return str_make(realloc(out, len), len);
    free(out);
    return (struct str){0};
}

static void release(struct str bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

/* ── Reading what came out ── */

static uint32_t take_number(struct str *s)
{
    uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(s->len > 0 && shift < 35);
        uint8_t byte = (uint8_t)s->data[0];
        *s = str_skip(*s, 1);
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static struct str take(struct str *s, size_t n)
{
    assert_true(n <= s->len);
    struct str taken = str_make(s->data, n);
    *s = str_skip(*s, n);
    return taken;
}

/* What is in the section; all others are put into `rest`, one after the other. */
static struct str section(struct str bytes, uint8_t wanted, char *rest, size_t *rest_len)
{
    struct str found = {0};
    take(&bytes, sizeof(HEADER) - 1);
    while (bytes.len > 0) {
        const char *begin = bytes.data;
        uint8_t id = (uint8_t)take(&bytes, 1).data[0];
        struct str content = take(&bytes, take_number(&bytes));
        if (id == wanted)
            found = content;
        if (rest == NULL || id == 5 || id == 11 || id == 12)
            continue;
        memcpy(rest + *rest_len, begin, (size_t)(bytes.data - begin));
        *rest_len += (size_t)(bytes.data - begin);
    }
    return found;
}

/* The next active segment: where it goes, and its bytes. */
static struct str take_segment(struct str *s, uint32_t *address)
{
    assert_memory_equal(take(s, 2).data, "\0\x41", 2);
    *address = take_number(s);
    assert_int_equal(take(s, 1).data[0], 0x0b);
    return take(s, take_number(s));
}

static void test_the_image_is_a_segment_behind_the_memory_that_was_there(void **state)
{
    (void)state;
    uint32_t address;
    struct str out = insert(module);
    struct str data = section(out, 11, NULL, NULL);
    assert_int_equal(take_number(&data), 3);
    check_str(take_segment(&data, &address), "abc");
    assert_int_equal(address, 1024);
    struct str place = take_segment(&data, &address);
    assert_int_equal(address, 8);
    assert_int_equal(place.len, sizeof(struct wasm_place));
    assert_memory_equal(place.data, "\0\0\2\0\x70\x11\1\0", 8); /* 131072, 70000 */
    struct str inserted = take_segment(&data, &address);
    assert_int_equal(address, 2 * PAGE);
    assert_true(str_eq(inserted, image_bytes()));
    assert_int_equal(data.len, 0);
    release(out);
}

static void test_the_memory_has_room_for_it_and_the_segments_are_counted(void **state)
{
    (void)state;
    struct str out = insert(module);
    assert_memory_equal(section(out, 5, NULL, NULL).data, "\1\0\4", 3);
    assert_memory_equal(section(out, 12, NULL, NULL).data, "\3", 1);
    release(out);
}

static void test_a_limit_of_the_memory_is_raised_if_it_must_be(void **state)
{
    (void)state;
    struct str out = insert(BYTES(HEADER "\5\4\1\1\2\3" IMPORTS GLOBALS EXPORTS DATA));
    assert_memory_equal(section(out, 5, NULL, NULL).data, "\1\1\4\4", 4);
    release(out);
    out = insert(BYTES(HEADER "\5\5\1\1\2\x80\2" IMPORTS GLOBALS EXPORTS DATA));
    assert_memory_equal(section(out, 5, NULL, NULL).data, "\1\1\4\x80\2", 5);
    release(out);
}

static void test_everything_else_stays_as_it_is(void **state)
{
    (void)state;
    char before[512], after[512];
    size_t before_len = 0, after_len = 0;
    struct str out = insert(module);
    section(module, 0, before, &before_len);
    section(out, 0, after, &after_len);
    assert_true(before_len > 0);
    assert_int_equal(after_len, before_len);
    assert_memory_equal(after, before, before_len);
    release(out);
}

static void test_what_is_no_module_of_ours_is_refused(void **state)
{
    (void)state;
    static const struct str wrong[] = {
        STR_INIT(""),
        STR_INIT("\0asm\2\0\0\0"),
        STR_INIT(HEADER),
        STR_INIT(HEADER MEMORY GLOBALS EXPORTS),                        /* no data */
        STR_INIT(HEADER GLOBALS EXPORTS DATA),                          /* no memory */
        STR_INIT(HEADER IMPORTS MEMORY EXPORTS DATA),                   /* no globals */
        STR_INIT(HEADER IMPORTS MEMORY GLOBALS DATA),                   /* no export */
        STR_INIT(HEADER MEMORY GLOBALS EXPORTS DATA),                   /* of a global too few */
        STR_INIT(HEADER IMPORTS "\5\3\1\2\2" GLOBALS EXPORTS DATA),     /* flags unheard of */
        STR_INIT(HEADER IMPORTS "\5\5\2\0\2\0\2" GLOBALS EXPORTS DATA), /* two memories */
        STR_INIT(HEADER IMPORTS "\5\3\1\0\0" GLOBALS EXPORTS DATA),     /* the place is outside */
        STR_INIT(HEADER IMPORTS "\5\5\1\0\x81\x80\1" GLOBALS EXPORTS DATA), /* 1 GiB */
        STR_INIT(HEADER IMPORTS MEMORY GLOBALS "\7\x12\1\x0einserted_place\0\3" DATA),
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (insert(wrong[i]).data != NULL)
            fail_msg("taken: %zu", i);
    assert_string_equal(why, "the filter is no WebAssembly module that a snapshot can be put into");
}

static void test_a_module_that_is_too_large_is_refused_unread(void **state)
{
    (void)state;
    struct str large = str_make(module.data, (size_t)WASM_MEMORY_MAX + 1);
    assert_int_equal(wasm_insert(large, image_bytes(), NULL, &why), 0);
    assert_string_equal(why, "the filter is no WebAssembly module that a snapshot can be put into");
}

static void test_a_module_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < module.len; len++) {
        char *cut = malloc(len + 1); /* malloc(0) is of no use */
        memcpy(cut + 1, module.data, len);
        struct str out = insert(str_make(cut + 1, len));
        assert_null(out.data);
        free(cut);
    }
}

static void test_a_module_with_any_byte_changed_is_refused_or_harmless(void **state)
{
    (void)state;
    char *changed = malloc(module.len);
    for (size_t i = 0; i < module.len; i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(changed, module.data, module.len);
            changed[i] = (char)byte;
            release(insert(str_make(changed, module.len)));
        }
    free(changed);
}

static void test_an_image_of_another_byte_order_is_refused(void **state)
{
    (void)state;
    image.header.order = __builtin_bswap32(IMAGE_ORDER);
    assert_null(insert(module).data);
    assert_string_equal(why, "WebAssembly is little-endian, and this machine is not; compile it on "
                             "x86-64 or arm64");
    image.header.order = IMAGE_ORDER;
}

static void test_an_image_that_no_memory_has_room_for_is_refused(void **state)
{
    (void)state;
    struct str large = str_make(image.bytes, WASM_MEMORY_MAX - 2 * PAGE + 1); /* nobody reads it */
    assert_int_equal(wasm_insert(module, large, NULL, &why), 0);
    assert_string_equal(why, "too large for a filter: module and snapshot may take 512 MiB of "
                             "memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_image_is_a_segment_behind_the_memory_that_was_there),
        cmocka_unit_test(test_the_memory_has_room_for_it_and_the_segments_are_counted),
        cmocka_unit_test(test_a_limit_of_the_memory_is_raised_if_it_must_be),
        cmocka_unit_test(test_everything_else_stays_as_it_is),
        cmocka_unit_test(test_what_is_no_module_of_ours_is_refused),
        cmocka_unit_test(test_a_module_that_is_too_large_is_refused_unread),
        cmocka_unit_test(test_a_module_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(test_a_module_with_any_byte_changed_is_refused_or_harmless),
        cmocka_unit_test(test_an_image_of_another_byte_order_is_refused),
        cmocka_unit_test(test_an_image_that_no_memory_has_room_for_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
