#include "check.h"

#include "oci/path.h"

static const struct {
    struct str below;
    enum path_kind kind;
    const char *reference;
    const char *repository;
} row[] = {
    {STR_INIT("pause/manifests/3.9"), PATH_MANIFEST, "3.9", "pause"},
    {STR_INIT("a/b/c/manifests/sha256:00"), PATH_MANIFEST, "sha256:00", "a/b/c"},
    {STR_INIT("a/blobs/sha256:00"), PATH_BLOB, "sha256:00", "a"},
    {STR_INIT("a/blobs/x:y"), PATH_BLOB, "x:y", "a"},
    {STR_INIT("a/blobs/:"), PATH_BLOB, ":", "a"},
    {STR_INIT("blobs/blobs/sha256:00"), PATH_BLOB, "sha256:00", "blobs"},
    {STR_INIT("a/blobs/b/blobs/sha256:00"), PATH_BLOB, "sha256:00", "a/blobs/b"},
    {STR_INIT("a/b/tags/list"), PATH_TAGS, "list", "a/b"},
    {STR_INIT("tags/list"), PATH_OTHER, "", ""},
    {STR_INIT("a/referrers/sha256:00"), PATH_REFERRERS, "sha256:00", "a"},
    {STR_INIT("a/blobs/uploads"), PATH_OTHER, "", ""},
    {STR_INIT("a/blobs/uploads/sha256:00"), PATH_OTHER, "", ""},
    {STR_INIT("a/tags/other"), PATH_OTHER, "", ""},
    {STR_INIT("blobs/sha256:00"), PATH_OTHER, "", ""},
    {STR_INIT("manifests/3.9"), PATH_OTHER, "", ""},
    {STR_INIT("a/Blobs/sha256:00"), PATH_OTHER, "", ""},
    {STR_INIT("a/blobs"), PATH_OTHER, "", ""},
    {STR_INIT("a"), PATH_OTHER, "", ""},
    {STR_INIT("a/b/c"), PATH_OTHER, "", ""},
    {STR_INIT("sha256:00"), PATH_OTHER, "", ""},
};

static void test_every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct path p = path_parse(row[i].below);
        if (p.kind != row[i].kind)
            print_error("row %zu\n", i);
        assert_int_equal(p.kind, row[i].kind);
        check_str(p.reference, row[i].reference);
        check_str(p.repository, row[i].repository);
    }
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_signature_tags(void **state)
{
    (void)state;
    static const char *const yes[] = {"sha256-" HEX64 ".sig", "sha256-" HEX64 ".att",
                                      "sha256-" HEX64 ".sbom"};
    static const char *const no[] = {"",
                                     "3.9",
                                     ("sha256-" HEX64),
                                     "sha256-" HEX64 ".",
                                     "sha256-" HEX64 ".sigx",
                                     "sha256-" HEX64 ".si",
                                     "sha256-" HEX64 "0.sig",
                                     "sha256:" HEX64 ".sig",
                                     "sha512-" HEX64 ".sig",
                                     "sha256-" HEX64 ".SIG",
                                     "xsha256-" HEX64 ".sig"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(path_is_signature_tag(str_from(yes[i])));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(path_is_signature_tag(str_from(no[i])));
    char text[] = "sha256-" HEX64 ".sig";
    for (size_t at = 7; at < 71; at++) {
        char kept = text[at];
        static const char bad[] = "Ag/:`@G.";
        for (size_t i = 0; i < sizeof(bad); i++) {
            text[at] = bad[i];
            assert_false(path_is_signature_tag(str_make(text, sizeof(text) - 1)));
        }
        text[at] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_signature_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
