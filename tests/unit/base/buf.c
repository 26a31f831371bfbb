#include "base/buf.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a byte that is not UTF-8 becomes. */
#define BAD "\\ufffd"

static void what_fits_is_written_in_order(void **state)
{
    (void)state;
    char memory[40];
    struct buf b = buf_make(memory, sizeof(memory));
    buf_text(&b, "a=");
    buf_u64(&b, 18446744073709551615U);
    buf_char(&b, ';');
    buf_str(&b, STR("b=1"));
    buf_str(&b, str_make(NULL, 0));
    buf_put(&b, "\0\n", 2);
    assert_true(str_eq(str_make(b.data, b.len), STR("a=18446744073709551615;b=1\0\n")));
    assert_false(b.full);
}

static void what_does_not_fit_is_dropped_whole_and_remembered(void **state)
{
    (void)state;
    char *memory = malloc(5);
    struct buf b = buf_make(memory, 5);
    buf_text(&b, "abc");
    buf_text(&b, "def");
    assert_true(b.full);
    assert_int_equal(b.len, 3);
    buf_text(&b, "de");
    assert_true(b.full);
    assert_true(str_eq(str_make(b.data, b.len), STR("abcde")));
    buf_char(&b, 'f');
    buf_put(&b, "", 0);
    volatile size_t huge = SIZE_MAX;
    buf_put(&b, memory, huge);
    assert_int_equal(b.len, 5);
    free(memory);
}

static void a_buffer_without_memory_takes_nothing(void **state)
{
    (void)state;
    struct buf b = buf_make(NULL, 0);
    buf_put(&b, NULL, 0);
    buf_json(&b, STR(""));
    assert_false(b.full);
    buf_json(&b, STR("x"));
    assert_true(b.full);
    assert_int_equal(b.len, 0);
}

static const struct {
    struct str in;
    const char *out;
} json_rows[] = {
    {STR_INIT(""), ""},
    {STR_INIT("plain text 0-9 A-Z ~"), "plain text 0-9 A-Z ~"},
    {STR_INIT("exactly8"), "exactly8"},
    {STR_INIT("say \"hi\""), "say \\\"hi\\\""},
    {STR_INIT("back\\slash"), "back\\\\slash"},
    {STR_INIT("\"\\\""), "\\\"\\\\\\\""},
    {STR_INIT("line\r\nbreak\ttab"), "line\\u000d\\u000abreak\\u0009tab"},
    {STR_INIT("\0nul\x01\x1f\x20\x7e\x7f"), "\\u0000nul\\u0001\\u001f ~\\u007f"},
    {STR_INIT("12345678\n"), "12345678\\u000a"},
    {STR_INIT("1234567\n9"), "1234567\\u000a9"},
    {STR_INIT("\n2345678901234567"), "\\u000a2345678901234567"},
    {STR_INIT("caf\xc3\xa9"), "caf\xc3\xa9"},
    {STR_INIT("\xe2\x82\xac \xf0\x9f\x90\xb3 long enough"),
     "\xe2\x82\xac \xf0\x9f\x90\xb3 long enough"},
    {STR_INIT("\xc2\xa0\xdf\xbf"), "\xc2\xa0\xdf\xbf"},
    {STR_INIT("\xc2\x80\xc2\x85\xc2\x9b"
              "2J\xc2\x9f"),
     "\\u0080\\u0085\\u009b2J\\u009f"},
    {STR_INIT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
     "\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa"},
    {STR_INIT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
     "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
    {STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    /* Not UTF-8: alone, cut short, overlong, surrogates, too large. */
    {STR_INIT("\x80"), BAD},
    {STR_INIT("\xbf-"), BAD "-"},
    {STR_INIT("\xc3"), BAD},
    {STR_INIT("a\xc3z"), "a" BAD "z"},
    {STR_INIT("\xe2\x82"), BAD BAD},
    {STR_INIT("\xe2\x82z"), BAD BAD "z"},
    {STR_INIT("\xf0\x9f\x90"), BAD BAD BAD},
    {STR_INIT("\xf0\x9f\x90z"), BAD BAD BAD "z"},
    {STR_INIT("\xc0\xaf"), BAD BAD},
    {STR_INIT("\xc1\xbf"), BAD BAD},
    {STR_INIT("\xe0\x80\xaf"), BAD BAD BAD},
    {STR_INIT("\xe0\x9f\xbf"), BAD BAD BAD},
    {STR_INIT("\xf0\x8f\xbf\xbf"), BAD BAD BAD BAD},
    {STR_INIT("\xed\xa0\x80"), BAD BAD BAD},
    {STR_INIT("\xf4\x90\x80\x80"), BAD BAD BAD BAD},
    {STR_INIT("\xf5\x80\x80\x80"), BAD BAD BAD BAD},
    {STR_INIT("\xfe\xff"), BAD BAD},
    {STR_INIT("\xc3\""), BAD "\\\""},
    {STR_INIT("\xe2\x82\n"), BAD BAD "\\u000a"},
};

/* Escapes from memory that ends with the text, so that a read past its end is seen. */
static struct str escape(struct str in, char *memory, size_t size)
{
    char *exact = malloc(in.len + (in.len == 0));
    assert_non_null(exact);
    if (in.len > 0)
        memcpy(exact, in.data, in.len);
    struct buf b = buf_make(memory, size);
    buf_json(&b, str_make(exact, in.len));
    free(exact);
    assert_false(b.full);
    return str_make(b.data, b.len);
}

static void json_text_is_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(json_rows); i++) {
        char memory[128];
        struct str out = escape(json_rows[i].in, memory, sizeof(memory));
        if (!str_eq(out, str_from(json_rows[i].out)))
            fail_msg("row %zu: %.*s instead of %s", i, (int)out.len, out.data, json_rows[i].out);
    }
}

/* Every row at every distance from the start, because plain text goes eight bytes at a time. */
static void escaping_does_not_depend_on_what_stands_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(json_rows); i++) {
        for (size_t before = 0; before < 20; before++) {
            char in[128], expected[192], memory[192];
            memset(in, 'x', before);
            memset(expected, 'x', before);
            memcpy(in + before, json_rows[i].in.data, json_rows[i].in.len);
            strcpy(expected + before, json_rows[i].out);
            strcat(expected, "tail of some length");
            size_t len = before + json_rows[i].in.len;
            strcpy(in + len, "tail of some length");
            struct str out = escape(str_make(in, len + 19), memory, sizeof(memory));
            if (!str_eq(out, str_from(expected)))
                fail_msg("row %zu behind %zu: %.*s", i, before, (int)out.len, out.data);
        }
    }
}

static void whatever_the_bytes_a_json_parser_accepts_the_result_on_one_line(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    for (int round = 0; round < 20000; round++) {
        char in[24], memory[200] = "[\"";
        for (size_t i = 0; i < sizeof(in); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            in[i] = (char)(random >> 32);
        }
        struct str out = escape(str_make(in, (size_t)round % sizeof(in)), memory + 2, 180);
        for (size_t i = 0; i < out.len; i++)
            assert_true((unsigned char)out.data[i] >= 0x20);
        memcpy(memory + 2 + out.len, "\"]", 3);
        json_t *parsed = json_loads(memory, JSON_ALLOW_NUL, NULL);
        if (parsed == NULL)
            fail_msg("refused: %s", memory);
        json_decref(parsed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_written_in_order),
        cmocka_unit_test(what_does_not_fit_is_dropped_whole_and_remembered),
        cmocka_unit_test(a_buffer_without_memory_takes_nothing),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(escaping_does_not_depend_on_what_stands_before),
        cmocka_unit_test(whatever_the_bytes_a_json_parser_accepts_the_result_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
