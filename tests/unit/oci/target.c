#include "check.h"

#include "oci/target.h"

#include <stdlib.h>

static const struct {
    struct str raw;
    const char *path;
    const char *query;
    bool safe;
} row[] = {
    /* As it came. */
    {STR_INIT("/"), "/", "", false},
    {STR_INIT("/v2/a/b"), "/v2/a/b", "", true},
    {STR_INIT("/v2/a?n=1&last=b%2Fc"), "/v2/a", "?n=1&last=b%2Fc", true},
    {STR_INIT("/v2/a?"), "/v2/a", "?", true},
    {STR_INIT("/v2/a?x?/../"), "/v2/a", "?x?/../", true},
    {STR_INIT("/v2/a-._~!$&'()*+,;=:@z"), "/v2/a-._~!$&'()*+,;=:@z", "", true},
    /* Escapes of pchars are decoded, in either case. */
    {STR_INIT("/v2/sha256%3Aab"), "/v2/sha256:ab", "", true},
    {STR_INIT("/v2/sha256%3aab"), "/v2/sha256:ab", "", true},
    {STR_INIT("/v2/v1%2e0"), "/v2/v1.0", "", true},
    {STR_INIT("/%76%32/%61"), "/v2/a", "", true},
    {STR_INIT("/v2/%7E%40%24"), "/v2/~@$", "", true},
    /* Any other escape stays, and is unsafe. */
    {STR_INIT("/v2/a%2Fb"), "/v2/a%2Fb", "", false},
    {STR_INIT("/v2/a%5cb"), "/v2/a%5cb", "", false},
    {STR_INIT("/v2/a%23"), "/v2/a%23", "", false},
    {STR_INIT("/v2/a%3f"), "/v2/a%3f", "", false},
    {STR_INIT("/v2/a%25"), "/v2/a%25", "", false},
    {STR_INIT("/v2/%252e"), "/v2/%252e", "", false},
    {STR_INIT("/v2/a%20b"), "/v2/a%20b", "", false},
    {STR_INIT("/v2/a%00"), "/v2/a%00", "", false},
    {STR_INIT("/v2/a%0d%0aB"), "/v2/a%0d%0aB", "", false},
    {STR_INIT("/v2/a%22"), "/v2/a%22", "", false},
    {STR_INIT("/v2/a%5b"), "/v2/a%5b", "", false},
    {STR_INIT("/v2/a%7b"), "/v2/a%7b", "", false},
    {STR_INIT("/v2/a%7f"), "/v2/a%7f", "", false},
    {STR_INIT("/v2/%c0%ae"), "/v2/%c0%ae", "", false},
    {STR_INIT("/v2/%ff"), "/v2/%ff", "", false},
    /* Broken escapes. */
    {STR_INIT("/v2/a%"), "/v2/a%", "", false},
    {STR_INIT("/v2/a%4"), "/v2/a%4", "", false},
    {STR_INIT("/v2/a%4g"), "/v2/a%4g", "", false},
    {STR_INIT("/v2/a%g4"), "/v2/a%g4", "", false},
    {STR_INIT("/v2/a%%41"), "/v2/a%A", "", false},
    /* Raw bytes that are no pchar. */
    {STR_INIT("/v2/a\"b"), "/v2/a\"b", "", false},
    {STR_INIT("/v2/a[b]"), "/v2/a[b]", "", false},
    {STR_INIT("/v2/a{b}"), "/v2/a{b}", "", false},
    {STR_INIT("/v2/a|b^c`d"), "/v2/a|b^c`d", "", false},
    {STR_INIT("/v2/a\\b"), "/v2/a\\b", "", false},
    {STR_INIT("/v2/a<b>"), "/v2/a<b>", "", false},
    {STR_INIT("/v2/a#b"), "/v2/a#b", "", false},
    {STR_INIT("/v2/a b"), "/v2/a b", "", false},
    {STR_INIT("/v2/\xc3\xa4"), "/v2/\xc3\xa4", "", false},
    {STR_INIT("/v2/a\x7f"), "/v2/a\x7f", "", false},
    /* Segments. */
    {STR_INIT("/v2/."), "/v2/.", "", false},
    {STR_INIT("/v2/.."), "/v2/..", "", false},
    {STR_INIT("/v2/..."), "/v2/...", "", true},
    {STR_INIT("/v2/.a/b."), "/v2/.a/b.", "", true},
    {STR_INIT("/v2/./a"), "/v2/./a", "", false},
    {STR_INIT("/v2/a/../b"), "/v2/a/../b", "", false},
    {STR_INIT("/v2/a/%2e%2E/b"), "/v2/a/../b", "", false},
    {STR_INIT("/v2/a/%2e"), "/v2/a/.", "", false},
    {STR_INIT("/v2//a"), "/v2//a", "", false},
    {STR_INIT("/v2/a/"), "/v2/a/", "", false},
    {STR_INIT("//a"), "//a", "", false},
    /* The query goes on as it is. */
    {STR_INIT("/v2/a?a%20b%zz"), "/v2/a", "?a%20b%zz", true},
    {STR_INIT("/v2/a?a b"), "/v2/a", "?a b", false},
    {STR_INIT("/v2/a?a#b"), "/v2/a", "?a#b", false},
    {STR_INIT("/v2/a?\x7f"), "/v2/a", "?\x7f", false},
    {STR_INIT("/v2/a?\x1f"), "/v2/a", "?\x1f", false},
    {STR_INIT("/v2/a?\xff"), "/v2/a", "?\xff", false},
    /* Absolute-form loses its authority. */
    {STR_INIT("http://h/v2/a?q"), "/v2/a", "?q", true},
    {STR_INIT("HTTPS://h:1/v2/%61"), "/v2/a", "", true},
    {STR_INIT("http://h"), "/", "", false},
    {STR_INIT("http://h?q"), "/", "?q", false},
    {STR_INIT("http://h//v2/a"), "//v2/a", "", false},
    {STR_INIT("http://u@h/v2/a"), "/v2/a", "", true},
    /* Neither form. */
    {STR_INIT(""), "", "", false},
    {STR_INIT("*"), "", "", false},
    {STR_INIT("v2/a"), "", "", false},
    {STR_INIT("h:80"), "", "", false},
    {STR_INIT("ftp://h/v2/a"), "", "", false},
    {STR_INIT("http:/v2/a"), "", "", false},
    {STR_INIT("http:v2"), "", "", false},
};

static void test_every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct target t;
        /* Exactly as much memory as the contract asks for, so that one byte more is seen. */
        char *memory = malloc(row[i].raw.len > 0 ? row[i].raw.len : 1);
        target_normalise(row[i].raw, memory, &t);
        if (t.safe != row[i].safe)
            print_error("row %zu: %s\n", i, row[i].path);
        assert_int_equal(t.safe, row[i].safe);
        check_str(t.path, row[i].path);
        check_str(t.query, row[i].query);
        free(memory);
    }
}

/* RFC 3986 section 3.3, written down a second time. */
static bool is_pchar(int c)
{
    return c > 0 && (strchr("!$&'()*+,-.:;=@_~", c) != NULL || (c >= '0' && c <= '9') ||
                     (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

static void test_every_byte_raw_and_escaped(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char escaped[16], memory[32];
        struct target t;
        for (size_t at = 2; at < 20; at++) { /* eight are looked at together */
            char raw[] = "/xxxxxxxxxxxxxxxxxxxxxx";
            raw[at] = (char)c;
            target_normalise(str_make(raw, sizeof(raw) - 1), memory, &t);
            assert_int_equal(t.safe, is_pchar(c) || c == '/' || c == '?');
        }
        snprintf(escaped, sizeof(escaped), "/v2/xx%%%02Xxx", (unsigned)c);
        target_normalise(str_make(escaped, 11), memory, &t);
        assert_int_equal(t.safe, is_pchar(c));
        assert_int_equal(t.path.len, is_pchar(c) ? 9 : 11);
    }
}

/* As one would say it: the segments between separators, one after the other. */
static bool is_safe(const char *path)
{
    for (const char *segment = path + 1;; segment = strchr(segment, '/') + 1) {
        size_t len = strcspn(segment, "/");
        if (len == 0 || (len == 1 && segment[0] == '.') ||
            (len == 2 && segment[0] == '.' && segment[1] == '.'))
            return false;
        if (segment[len] == '\0')
            return true;
    }
}

/* Behind as many letters as put it at any place among the eight bytes that are looked at together.
 */
static void test_every_short_path_of_dots_and_separators(void **state)
{
    (void)state;
    static const char letter[] = {'/', '.', 'a'};
    enum { SHORT = 8, ALL = 3 * 3 * 3 * 3 * 3 * 3 * 3 * 3 };
    size_t safe = 0;
    for (unsigned n = 0; n < ALL * 8; n++)
        for (size_t len = 0; len <= SHORT; len++) {
            char path[2 * SHORT + 2] = "/aaaaaaaa", memory[sizeof(path)];
            char *end = path + 1 + n / ALL;
            for (size_t i = 0, rest = n % ALL; i < len; i++, rest /= 3)
                *end++ = letter[rest % 3];
            *end = '\0';
            struct target t;
            target_normalise(str_from(path), memory, &t);
            if (t.safe != is_safe(path))
                fail_msg("%s is %s", path, t.safe ? "safe" : "unsafe");
            safe += t.safe;
        }
    assert_true(safe > 1000);
}

/* What is outside the registry is sent on as it came, or not at all. */
static void test_raw_paths(void **state)
{
    static const struct {
        const char *target;
        const char *raw;
        bool safe;
        bool registry;
    } rows[] = {
        {"/", "/", true, false},
        {"/release/v1/a.tgz?x=y", "/release/v1/a.tgz", true, false},
        {"/a//b/", "/a//b/", true, false},
        {"/a-._~!$&'()*+,;=:@z", "/a-._~!$&'()*+,;=:@z", true, false},
        {"http://h/a%2Fb?x", "/a%2Fb", true, false},
        {"http://h", "/", true, false},
        /* Any escape may be there. */
        {"/%61%2F%5c%23%3f%25%20%22%00%0d%0a%7f%c3%A4%ff",
         "/%61%2F%5c%23%3f%25%20%22%00%0d%0a%7f%c3%A4%ff", true, false},
        {"/%252e%252e/x", "/%252e%252e/x", true, false},
        /* But for those of dots, which a client resolves as if they were none. */
        {"/.", "/.", false, false},
        {"/..", "/..", false, false},
        {"/a/../b", "/a/../b", false, false},
        {"/a/%2e/b", "/a/%2e/b", false, false},
        {"/a/%2E%2e", "/a/%2E%2e", false, false},
        {"/a/.%2e/b", "/a/.%2e/b", false, false},
        {"/a/%2e.", "/a/%2e.", false, false},
        /* A store may take an escaped separator for one, and leave its bucket by it. */
        {"/..%2fb", "/..%2fb", false, false},
        {"/a%2F..", "/a%2F..", false, false},
        {"/a%2f%2e%2E%2Fb", "/a%2f%2e%2E%2Fb", false, false},
        {"/a/.%5cb", "/a/.%5cb", false, false},
        {"/a%5C..%2fb", "/a%5C..%2fb", false, false},
        {"/a..%2fb%2f...%5c.c", "/a..%2fb%2f...%5c.c", true, false},
        {"/a%20..%20b%2", "/a%20..%20b%2", false, false},
        {"/...", "/...", true, false},
        {"/a..b/.c/d.", "/a..b/.c/d.", true, false},
        {"/%2e%2e%2e", "/%2e%2e%2e", true, false},
        /* Broken escapes, and raw bytes that are neither pchar nor separator. */
        {"/%", "/%", false, false},
        {"/%4", "/%4", false, false},
        {"/a%4g", "/a%4g", false, false},
        {"/a%%41", "/a%%41", false, false},
        {"/a b", "/a b", false, false},
        {"/a\"b", "/a\"b", false, false},
        {"/a[b]", "/a[b]", false, false},
        {"/a\\b", "/a\\b", false, false},
        {"/a#b", "/a#b", false, false},
        {"/\xc3\xa4", "/\xc3\xa4", false, false},
        {"/a\x7f", "/a\x7f", false, false},
        /* The query is held to the same as a registry path's. */
        {"/a?a%20b%zz", "/a", true, false},
        {"/a?a b", "/a", false, false},
        {"/a?#", "/a", false, false},
        {"/a?\xff", "/a", false, false},
        /* No path at all. */
        {"*", "", false, false},
        {"", "", false, false},
        /* What is the registry's is so by the path as it is normalised. */
        {"/v2", "/v2", true, true},
        {"/v2/", "/v2/", true, true},
        {"/v2/a/../b", "/v2/a/../b", false, true},
        {"/%76%32/a", "/%76%32/a", true, true},
        {"/v2x", "/v2x", true, false},
        {"/v2%2Fa", "/v2%2Fa", true, false},
        {"/V2/a", "/V2/a", true, false},
        {"//v2/a", "//v2/a", true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct target t;
        size_t len = strlen(rows[i].target);
        char *target = malloc(len > 0 ? len : 1), *memory = malloc(len > 0 ? len : 1);
        memcpy(target, rows[i].target, len);
        target_normalise(str_make(target, len), memory, &t);
        if (target_raw_is_safe(&t) != rows[i].safe || target_is_registry(&t) != rows[i].registry)
            fail_msg("%s", rows[i].target);
        check_str(t.raw, rows[i].raw);
        free(memory);
        free(target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_short_path_of_dots_and_separators),
        cmocka_unit_test(test_every_byte_raw_and_escaped),
        cmocka_unit_test(test_raw_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
