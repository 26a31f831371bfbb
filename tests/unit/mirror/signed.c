#include "mirror/signed.h"

#include "check.h"

#include <stdlib.h>

/* {"formatLength":23,"formatTail":"Cn0","time":"2015-01-01T00:00:00Z"} */
#define PROTECTED                                                                                  \
    "eyJmb3JtYXRMZW5ndGgiOjIzLCJmb3JtYXRUYWlsIjoiQ24wIiwidGltZSI6IjIwMTUtMDEtMDFUMDA6MDA6MDBaIn0"
#define PAYLOAD "{\n   \"schemaVersion\": 1\n}"

static char *text;
static size_t len;

static bool strip(const char *manifest)
{
    free(text);
    len = strlen(manifest);
    text = malloc(len + 1);
    assert_non_null(text);
    memcpy(text, manifest, len + 1);
    return signed_strip(text, &len);
}

static int teardown(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static void what_was_signed_is_left(void **state)
{
    (void)state;
    assert_true(strip(
        "{\n   \"schemaVersion\": 1,\n   \"signatures\": [{\"protected\": \"" PROTECTED "\"}]\n}"));
    check_str(str_make(text, len), PAYLOAD);
    assert_int_equal(text[len], '\0');
}

static void what_the_signature_does_not_cover_is_gone(void **state)
{
    (void)state;
    assert_true(strip("{\n   \"schemaVersion\": 1, \"fsLayers\": [], \"signatures\": "
                      "[{\"protected\": \"" PROTECTED "\"}]}"));
    check_str(str_make(text, len), PAYLOAD);
}

static void what_is_no_signed_manifest_stays_as_it_is(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "[]",
        "{\"schemaVersion\":1}",
        "{\"signatures\":[]}",
        "{\"signatures\":[{\"protected\":7}]}",
        "{\"signatures\":[{\"protected\":\"!\"}]}",
        "{\"signatures\":[{\"protected\":\"e30\"}]}", /* {} */
        /* {"formatLength":-1,"formatTail":"Cn0"} */
        "{\"signatures\":[{\"protected\":\"eyJmb3JtYXRMZW5ndGgiOi0xLCJmb3JtYXRUYWlsIjoiQ24wIn0\"}]"
        "}",
        /* {"formatLength":1000,"formatTail":"Cn0"}: more than there is */
        "{\"signatures\":[{\"protected\":"
        "\"eyJmb3JtYXRMZW5ndGgiOjEwMDAsImZvcm1hdFRhaWwiOiJDbjAifQ\"}]}",
        /* {"formatLength":5,"formatTail":"Cn 0"} */
        "{\"signatures\":[{\"protected\":\"eyJmb3JtYXRMZW5ndGgiOjUsImZvcm1hdFRhaWwiOiJDbiAwIn0\"}]"
        "}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(strip(rows[i]));
        check_str(str_make(text, len), rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_signed_is_left, teardown),
        cmocka_unit_test_teardown(what_the_signature_does_not_cover_is_gone, teardown),
        cmocka_unit_test_teardown(what_is_no_signed_manifest_stays_as_it_is, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
