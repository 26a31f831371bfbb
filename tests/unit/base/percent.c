#include "base/percent.h"

#include "check.h"

static void check_encoded(struct str text, const char *plain, const char *want)
{
    char memory[64];
    struct buf b = buf_make(memory, sizeof(memory));
    percent_encode(&b, text, plain);
    check_str(str_make(memory, b.len), want);
}

static void what_is_reserved_is_escaped_unless_it_is_wanted_plain(void **state)
{
    (void)state;
    check_encoded(STR("AZaz09-._~"), "", "AZaz09-._~");
    check_encoded(STR("a/b:c d+e"), "", "a%2Fb%3Ac%20d%2Be");
    check_encoded(STR("a/b:c"), "/:", "a/b:c");
    check_encoded(STR("\0\xff%"), "/", "%00%FF%25");
    check_encoded(STR(""), "", "");
}

static void check_decoded(const char *text, const char *want)
{
    char memory[64];
    snprintf(memory, sizeof(memory), "%s", text);
    assert_int_equal(percent_decode(memory), want != NULL);
    if (want != NULL)
        assert_string_equal(memory, want);
}

static void escapes_in_either_case_are_decoded(void **state)
{
    (void)state;
    check_decoded("", "");
    check_decoded("a+b", "a+b");
    check_decoded("%2f%2F%25", "//%");
    check_decoded("%e2%82%ac", "\xe2\x82\xac");
}

static void an_escape_is_two_digits_behind_a_percent_sign(void **state)
{
    static const char *const broken[] = {"", "%", "%2", "%2g", "%g2", "%%20", "20", "2%20"};
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[8];
        snprintf(text, sizeof(text), "%%%02x-", (unsigned)byte);
        assert_int_equal(percent_byte(str_from(text)), byte);
        snprintf(text, sizeof(text), "%%%02X", (unsigned)byte);
        assert_int_equal(percent_byte(str_from(text)), byte);
    }
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(percent_byte(str_from(broken[i])), -1);
    assert_int_equal(percent_byte(str_make("%20", 2)), -1);
}

static void broken_escapes_and_those_of_a_nul_are_refused(void **state)
{
    static const char *const broken[] = {"%", "a%", "%2", "%2g", "%g2", "%%20", "%00", "a%00b"};
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        check_decoded(broken[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_reserved_is_escaped_unless_it_is_wanted_plain),
        cmocka_unit_test(escapes_in_either_case_are_decoded),
        cmocka_unit_test(an_escape_is_two_digits_behind_a_percent_sign),
        cmocka_unit_test(broken_escapes_and_those_of_a_nul_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
