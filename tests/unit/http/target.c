/* Request targets: what they may hold, and their forms. */
#include "check.h"

#include "http/http_target.h"

static void a_target_has_one_of_four_forms(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target;
        bool valid;
    } rows[] = {
        {"GET", "/", true},
        {"GET", "//x", true},
        {"GET", "*", false},
        {"OPTIONS", "*", true},
        {"OPTIONS", "**", false},
        {"GET", "http://x", true},
        {"GET", "HTTPS://x:1/y?z", true},
        {"GET", "http://", false},
        {"GET", "http:///x", false},
        {"GET", "http://a@b/", false},
        {"GET", "ftp://x/", false},
        {"GET", "x:443", false},
        {"CONNECT", "x:443", true},
        {"CONNECT", "x/y", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (http_target_form_valid(str_from(rows[i].method), str_from(rows[i].target)) !=
            rows[i].valid)
            fail_msg("%s %s: not %d", rows[i].method, rows[i].target, rows[i].valid);
}

static void an_authority_ends_where_the_path_or_the_query_begins(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"http://x", "x"},        {"http://x/", "x"}, {"https://x:1/a?b", "x:1"},
        {"hTTp://x?a/b", "x"},    {"http://", ""},    {"http://[::1]:2/", "[::1]:2"},
        {"https://a@b/c", "a@b"},
    };
    struct str authority;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(http_target_authority(str_from(rows[i][0]), &authority));
        assert_true(str_eq(authority, str_from(rows[i][1])));
    }
    assert_false(http_target_authority(STR("/http://x"), &authority));
    assert_false(http_target_authority(STR("http:/x"), &authority));
    assert_false(http_target_authority(STR(""), &authority));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_has_one_of_four_forms),
        cmocka_unit_test(an_authority_ends_where_the_path_or_the_query_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
