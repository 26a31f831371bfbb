#include "check.h"

#include <archeio/digest.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum digest_result parse(const char *text)
{
    struct digest d;
    return digest_parse(str_from(text), &d);
}

static void test_registered_algorithms_are_held_as_bytes(void **state)
{
    (void)state;
    struct digest d;
    assert_int_equal(digest_parse(STR("sha256:" HEX64), &d), DIGEST_OK);
    assert_int_equal(d.algorithm, DIGEST_SHA256);
    assert_int_equal(d.size, 32);
    assert_int_equal(d.bytes[0], 0x01);
    assert_int_equal(d.bytes[31], 0xef);
    assert_int_equal(d.bytes[32], 0);
    assert_int_equal(digest_parse(STR("sha512:" HEX64 HEX64), &d), DIGEST_OK);
    assert_int_equal(d.algorithm, DIGEST_SHA512);
    assert_int_equal(d.size, 64);
    assert_int_equal(d.bytes[63], 0xef);
}

static void test_format_gives_back_what_was_parsed(void **state)
{
    (void)state;
    static const struct str text[] = {STR_INIT("sha256:" HEX64), STR_INIT("sha512:" HEX64 HEX64)};
    for (size_t i = 0; i < 2; i++) {
        struct digest d;
        char out[DIGEST_TEXT_MAX];
        assert_int_equal(digest_parse(text[i], &d), DIGEST_OK);
        assert_true(str_eq(str_make(out, digest_format(&d, out)), text[i]));
    }
}

static void test_wrong_length_case_or_digit_is_malformed(void **state)
{
    (void)state;
    assert_int_equal(parse("sha256:"), DIGEST_MALFORMED);
    assert_int_equal(parse("sha256:" HEX64 "0"), DIGEST_MALFORMED);
    assert_int_equal(parse("sha256:" HEX64 HEX64), DIGEST_MALFORMED);
    assert_int_equal(parse("sha512:" HEX64), DIGEST_MALFORMED);
    char text[] = "sha256:" HEX64;
    for (size_t at = 7; at < sizeof(text) - 1; at++)
        for (int c = 0; c < 256; c++) {
            const char *digits = "0123456789abcdef", *digit = c != 0 ? strchr(digits, c) : NULL;
            struct digest d, zero = {0};
            char kept = text[at];
            text[at] = (char)c;
            enum digest_result result = digest_parse(str_make(text, sizeof(text) - 1), &d);
            assert_int_equal(result, digit != NULL ? DIGEST_OK : DIGEST_MALFORMED);
            if (digit == NULL)
                assert_memory_equal(&d, &zero, sizeof(d));
            else
                assert_int_equal(d.bytes[(at - 7) / 2] >> (at % 2 == 1 ? 4 : 0) & 15,
                                 digit - digits);
            text[at] = kept;
        }
}

static void test_other_algorithms_follow_the_grammar(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "md5:d41d",  "sha256+b64u:LCa0a2j_xo=-", "a.b-c_d+e:x", "sha384:00",
        "sha2560:0", "multihash+base58:Qm",      "0:0"};
    static const char *const malformed[] = {
        "",       ":",     "a",     "a:",         ":a",        ("SHA256:" HEX64),
        "a..b:c", "-a:b",  "a-:b",  "a+:b",       "a:b:c",     "a:b c",
        "a b:c",  "a:b/c", "a:%41", "\xc3\xa4:b", "a:\xc3\xa4"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(parse(unknown[i]), DIGEST_UNKNOWN);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(parse(malformed[i]), DIGEST_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registered_algorithms_are_held_as_bytes),
        cmocka_unit_test(test_format_gives_back_what_was_parsed),
        cmocka_unit_test(test_wrong_length_case_or_digit_is_malformed),
        cmocka_unit_test(test_other_algorithms_follow_the_grammar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
