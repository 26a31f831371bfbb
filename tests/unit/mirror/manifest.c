#include "mirror/manifest.h"

#include "check.h"

#include <stdlib.h>

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define OCI "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"

static struct manifest m;
static char error[256];

static bool parse(const char *text, const char *type)
{
    error[0] = '\0';
    return manifest_parse(str_from(text), str_from(type), &m, error);
}

static int teardown(void **state)
{
    (void)state;
    manifest_release(&m);
    return 0;
}

static void check_blob(size_t i, const char *digest, int64_t size, bool foreign)
{
    char text[DIGEST_TEXT_MAX];
    assert_in_range(i, 0, m.n_blobs - 1);
    check_str(str_make(text, digest_format(&m.blob[i].digest, text)), digest);
    assert_int_equal(m.blob[i].size, size);
    assert_int_equal(m.blob[i].foreign, foreign);
}

static void an_image_names_config_and_layers_each_once(void **state)
{
    (void)state;
    assert_true(parse("{\"schemaVersion\":2,\"mediaType\":\"" OCI "\","
                      "\"config\":{\"mediaType\":\"x\",\"digest\":\"" A "\",\"size\":7},"
                      "\"layers\":[{\"digest\":\"" B "\",\"size\":0},{\"digest\":\"" B
                      "\",\"size\":0},{\"digest\":\"" A "\",\"size\":7}],"
                      "\"subject\":{\"digest\":\"" C "\",\"size\":1}}",
                      ""));
    assert_int_equal(m.kind, MANIFEST_IMAGE);
    assert_int_equal(m.n_blobs, 2);
    check_blob(0, A, 7, false);
    check_blob(1, B, 0, false);
    assert_int_equal(m.subject.size, 32);
    assert_int_equal(m.n_children, 0);
}

static void layers_that_lie_elsewhere_are_marked(void **state)
{
    (void)state;
    assert_true(parse("{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\",\"size\":7},"
                      "\"layers\":[{\"digest\":\"" B "\",\"size\":1,\"urls\":[\"https://a\"]},"
                      "{\"digest\":\"" C "\",\"size\":2,\"mediaType\":"
                      "\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"}]}",
                      OCI));
    check_blob(1, B, 1, true);
    check_blob(2, C, 2, true);
    assert_int_equal(m.subject.size, 0);
}

static void an_index_names_manifests_and_their_platforms(void **state)
{
    (void)state;
    assert_true(parse("{\"schemaVersion\":2,\"manifests\":["
                      "{\"digest\":\"" A "\",\"size\":7,\"platform\":{\"os\":\"linux\","
                      "\"architecture\":\"arm64\",\"variant\":\"v8\"}},"
                      "{\"digest\":\"" B "\",\"size\":8}]}",
                      INDEX));
    assert_int_equal(m.kind, MANIFEST_INDEX);
    assert_int_equal(m.n_children, 2);
    assert_string_equal(m.child[0].platform, "linux/arm64/v8");
    assert_string_equal(m.child[1].platform, "");
    assert_int_equal(m.child[1].size, 8);
}

static void schema_1_names_layers_without_sizes(void **state)
{
    (void)state;
    assert_true(parse("{\"schemaVersion\":1,\"name\":\"a\",\"tag\":\"b\",\"fsLayers\":["
                      "{\"blobSum\":\"" A "\"},{\"blobSum\":\"" B "\"},{\"blobSum\":\"" A "\"}],"
                      "\"signatures\":[{}]}",
                      "application/vnd.docker.distribution.manifest.v1+prettyjws"));
    assert_int_equal(m.kind, MANIFEST_SCHEMA1);
    assert_int_equal(m.n_blobs, 2);
    check_blob(0, A, -1, false);
}

static void what_is_no_manifest_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text;
        const char *type;
        const char *reason;
    } rows[] = {
        {"", "", "no JSON"},
        {"[]", "", "no JSON object"},
        {"{}", OCI, "neither an image's manifest nor an index, or both at once"},
        {"{\"schemaVersion\":2,\"schemaVersion\":2}", "", "no JSON: duplicate object key"},
        {"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", "",
         "neither an image's manifest nor an index, or both at once"},
        {"{\"schemaVersion\":2,\"manifests\":[]}", OCI,
         "its media type says another kind than its content"},
        {"{\"schemaVersion\":1,\"manifests\":[]}", INDEX, "a schemaVersion that does not fit"},
        {"{\"schemaVersion\":2,\"layers\":[]}", "", "an image manifest without config or layers"},
        {"{\"schemaVersion\":2,\"config\":{\"size\":1},\"layers\":[]}", "",
         "a descriptor without a digest"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:A\",\"size\":1},\"layers\":[]}", "",
         "a malformed digest: sha256:A"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"md5:aa\",\"size\":1},\"layers\":[]}", "",
         "a digest of an algorithm that cannot be verified: md5:aa"},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\"},\"layers\":[]}", "",
         "a descriptor without a size: " A},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\",\"size\":-1},\"layers\":[]}", "",
         "a descriptor without a size: " A},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\",\"size\":1},\"layers\":["
         "{\"digest\":\"" A "\",\"size\":2}]}",
         "", "one digest with two sizes: " A},
        {"{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\",\"size\":1},\"layers\":[7]}", "",
         "a descriptor without a digest"},
        {"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"x\",\"size\":2}]}", "",
         "a malformed digest: x"},
        {"{\"schemaVersion\":2,\"manifests\":[],\"subject\":{\"digest\":\"x\"}}", "",
         "a malformed digest: x"},
        {"{\"schemaVersion\":1,\"fsLayers\":[{}]}", "", "a descriptor without a digest"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(parse(rows[i].text, rows[i].type));
        if (strncmp(error, rows[i].reason, strlen(rows[i].reason)) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", rows[i].text, error, rows[i].reason);
        assert_null(m.blob);
        assert_null(m.child);
    }
}

static void one_that_is_too_long_is_not_read(void **state)
{
    (void)state;
    char *text = malloc(MANIFEST_MAX + 1);
    memset(text, ' ', MANIFEST_MAX + 1);
    assert_false(manifest_parse(str_make(text, MANIFEST_MAX + 1), STR(OCI), &m, error));
    assert_string_equal(error, "a manifest of more than 8 MiB");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_image_names_config_and_layers_each_once, teardown),
        cmocka_unit_test_teardown(layers_that_lie_elsewhere_are_marked, teardown),
        cmocka_unit_test_teardown(an_index_names_manifests_and_their_platforms, teardown),
        cmocka_unit_test_teardown(schema_1_names_layers_without_sizes, teardown),
        cmocka_unit_test_teardown(what_is_no_manifest_is_refused_with_a_reason, teardown),
        cmocka_unit_test_teardown(one_that_is_too_long_is_not_read, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
