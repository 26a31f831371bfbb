#include "ranges/provider.h"

#include "base/name.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char aws[] = "{\"syncToken\": \"1785313625\", \"prefixes\": [\n"
                          " {\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"eu-west-1\"},\n"
                          " {\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"eu-west-1\"},\n"
                          " {\"ip_prefix\": \"198.51.100.7/24\", \"region\": \"GLOBAL\"}],\n"
                          " \"ipv6_prefixes\": [\n"
                          " {\"ipv6_prefix\": \"2001:db8::/32\", \"region\": \"us-east-1\"}]}";
static const char gcp[] = "{\"syncToken\": \"1785333953849\", \"prefixes\": [\n"
                          " {\"ipv4Prefix\": \"192.0.2.0/24\", \"scope\": \"africa-south1\"},\n"
                          " {\"ipv6Prefix\": \"2001:db8::/32\", \"scope\": \"global\"}]}";
static const char azure[] =
    "{\"values\": [{\"name\": \"AzureCloud\", \"properties\": 3},\n"
    " {\"name\": \"Storage.westeurope\"},\n"
    " {\"name\": \"AzureCloud.westeurope\", \"properties\": {\"region\": \"westeurope\",\n"
    "  \"addressPrefixes\": [\"192.0.2.0/24\", \"2001:db8::/32\"]}},\n"
    " {\"name\": \"AzureCloud.none\", \"properties\": {\"region\": \"\",\n"
    "  \"addressPrefixes\": [\"198.51.100.0/24\"]}}]}";

static struct ranges *parse(const char *name, const char *text)
{
    struct diag d = {0};
    struct ranges *r = ranges_parse(name, text, strlen(text), &d);
    if (r == NULL || d.n > 0)
        fail_msg("%s: %s", name, d.n > 0 ? d.message[0].text : "refused without a reason");
    return r;
}

static void assert_range(const struct ranges *r, size_t i, const char *prefix, const char *cloud,
                         const char *region)
{
    char text[PREFIX_TEXT_MAX];
    const struct policy_place *p = &r->place[r->range[i].place];
    prefix_format(&r->range[i].prefix, text);
    assert_string_equal(text, prefix);
    assert_true(str_eq(p->cloud, str_from(cloud)));
    assert_true(str_eq(p->region, str_from(region)));
}

static void amazon_is_read_with_duplicates_host_bits_and_no_region(void **state)
{
    (void)state;
    struct ranges *r = parse("aws-ip-ranges.json", aws);
    assert_int_equal(r->n_ranges, 3);
    assert_range(r, 0, "192.0.2.0/24", "aws", "eu-west-1");
    assert_range(r, 1, "198.51.100.0/24", "aws", "");
    assert_range(r, 2, "2001:db8::/32", "aws", "us-east-1");
    assert_int_equal(r->n_files, 1);
    assert_string_equal(r->file[0].name, "aws-ip-ranges.json");
    assert_string_equal(r->file[0].cloud, "aws");
    assert_int_equal(r->file[0].modified, 1785313625);
    assert_int_equal(r->file[0].prefixes, 3);
    assert_int_equal(r->file[0].duplicates, 1);
    assert_int_equal(r->file[0].conflicts, 0);
    assert_int_equal(r->file[0].host_bits, 1);
    ranges_free(r);
}

static void google_is_read_with_global_as_no_region(void **state)
{
    (void)state;
    struct ranges *r = parse("/some/where/gcp-cloud.json", gcp);
    assert_int_equal(r->n_ranges, 2);
    assert_range(r, 0, "192.0.2.0/24", "gcp", "africa-south1");
    assert_range(r, 1, "2001:db8::/32", "gcp", "");
    assert_string_equal(r->file[0].name, "gcp-cloud.json");
    assert_int_equal(r->file[0].modified, 1785333953);
    ranges_free(r);
}

static void of_azure_only_the_regional_cloud_tags_count(void **state)
{
    (void)state;
    struct ranges *r = parse("whatever.json", azure);
    assert_int_equal(r->n_ranges, 2);
    assert_range(r, 0, "192.0.2.0/24", "azure", "westeurope");
    assert_range(r, 1, "2001:db8::/32", "azure", "westeurope");
    assert_string_equal(r->file[0].cloud, "azure");
    ranges_free(r);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const char *const files[] = {aws, gcp, azure};
    for (size_t f = 0; f < COUNT(files); f++) {
        for (size_t len = 0; len < strlen(files[f]); len++) {
            struct diag d = {0};
            char *copy = malloc(len > 0 ? len : 1);
            memcpy(copy, files[f], len);
            assert_null(ranges_parse("x.json", copy, len, &d));
            assert_int_equal(d.n_errors, 1);
            assert_string_equal(d.message[0].file, "x.json");
            diag_clear(&d);
            free(copy);
        }
    }
}

struct bad {
    const char *name;
    const char *text;
    unsigned line, column;
    const char *message; /* a part of it */
};

#define V6 "\"ipv6_prefixes\":[]}"
#define ONE(p, r) "{\"prefixes\":[{\"ip_prefix\":" p ",\"region\":" r "}]," V6
#define TAG "{\"values\":[{\"name\":\"AzureCloud.x\""

static const struct bad bad[] = {
    {"a.json", "", 1, 0, "is no JSON"},
    {"a.json", "[]", 1, 1, "holds no ranges in the format of"},
    {"a.json", "{}", 1, 1, "holds no ranges in the format of"},
    {"a.json", "{\"prefixes\":[]}", 1, 1, "holds no ranges in the format of"},
    {"a.json", "{\"prefixes\":[]," V6, 0, 0, "holds no prefixes"},
    {"a.json", "{\"values\":[]}", 0, 0, "holds no prefixes"},
    {"a.json", ONE("\"1.2.3.0/24\"", "\"r\"") " x", 1, 0, "is no JSON"},
    {"a.json", "{\"values\":[],\"values\":[]}", 1, 0, "duplicate"},
    {"a.json", ONE("\"1.2.3.0/33\"", "\"r\""), 1, 27, "prefixes[0].ip_prefix: is no prefix"},
    {"a.json", ONE("\"1.2.3.0/999\"", "\"r\""), 1, 27, "is no prefix"},
    {"a.json", ONE("\"1.2.3.4\"", "\"r\""), 1, 27, "is no prefix"},
    {"a.json", ONE("\"\"", "\"r\""), 1, 27, "is no prefix"},
    {"a.json", ONE("\"1.2.3.0/24\\u0000\"", "\"r\""), 1, 0, "is no JSON"},
    {"a.json", ONE("7", "\"r\""), 1, 27, "prefixes[0].ip_prefix: is no string"},
    {"a.json", ONE("\"1.2.3.0/24\"", "7"), 1, 49, "prefixes[0].region: is no string"},
    {"a.json", ONE("\"1.2.3.0/24\"", "\"\""), 1, 49, "prefixes[0].region: is no region"},
    {"a.json", ONE("\"1.2.3.0/24\"", "\"a b\""), 1, 49, "is no region"},
    {"a.json", ONE("\"1.2.3.0/24\"", "\"-\""), 1, 49, "is no region"},
    {"a.json", ONE("\"1.2.3.0/24\"", "\"..\""), 1, 49, "is no region"},
    {"a.json", "{\"prefixes\":[7]," V6, 1, 14, "prefixes[0]: is no object"},
    {"a.json", "{\"prefixes\":[{}]," V6, 1, 14, "prefixes[0].region: missing"},
    {"a.json", "{\"prefixes\":[{\"region\":\"r\"}]," V6, 1, 14, "prefixes[0].ip_prefix: missing"},
    {"a.json", "{" V6, 1, 1, "prefixes: missing"},
    {"a.json", "{\"prefixes\":{}," V6, 1, 13, "prefixes: is no array"},
    {"a.json", "{\"prefixes\":[{\"ip_prefix\":\"1.2.3.0/24\",\"region\":\"r\"}]}", 1, 1,
     "ipv6_prefixes: missing"},
    {"g.json", "{\"prefixes\":[{\"ipv4Prefix\":\"1.2.3.0/24\"}]}", 1, 14, "scope: missing"},
    {"g.json", "{\"prefixes\":[{\"ipv4Prefix\":1,\"scope\":\"x\"}]}", 1, 28, "is no string"},
    {"g.json", "{\"prefixes\":[{\"ipv4Prefix\":\"\",\"ipv6Prefix\":\"\",\"scope\":\"x\"}]}", 1, 14,
     "expected either"},
    {"g.json",
     "{\"prefixes\":[{\"ipv4Prefix\":\"1.2.3.0/24\",\"scope\":\"x\"},\n{\"scope\":\"x\"}]}", 2, 1,
     "prefixes[1]: expected either"},
    {"g.json", "{\"prefixes\":[{\"ipv4Prefix\":\"1.2.3.0/24\",\"scope\":\"x\"},\n8]}", 2, 1,
     "prefixes[1]: is no object"},
    {"z.json", "{\"values\":{}}", 1, 11, "values: is no array"},
    {"z.json", "{\"values\":[1]}", 1, 12, "values[0]: is no object"},
    {"z.json", "{\"values\":[{}]}", 1, 12, "values[0].name: missing"},
    {"z.json", TAG "}]}", 1, 12, "values[0].properties: missing"},
    {"z.json", TAG ",\"properties\":[]}]}", 1, 48, "values[0].properties: is no object"},
    {"z.json", TAG ",\"properties\":{}}]}", 1, 48, "properties.addressPrefixes: missing"},
    {"z.json", TAG ",\"properties\":{\"addressPrefixes\":[]}}]}", 1, 48, "region: missing"},
    {"z.json", TAG ",\"properties\":{\"region\":\"x\",\"addressPrefixes\":[\"x\"]}}]}", 1, 81,
     "values[0].properties.addressPrefixes[0]: is no prefix"},
    {"z.json", TAG ",\"properties\":{\"region\":\"x\",\"addressPrefixes\":[5]}}]}", 1, 81,
     "addressPrefixes[0]: is no string"},
    {"aws.json", gcp, 0, 0, "holds the ranges of gcp, but its name says aws"},
    {"gcp-x.json", azure, 0, 0, "holds the ranges of azure, but its name says gcp"},
    {"dir/azure.json", aws, 0, 0, "holds the ranges of aws, but its name says azure"},
};

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct diag d = {0};
        assert_null(ranges_parse(bad[i].name, bad[i].text, strlen(bad[i].text), &d));
        assert_int_equal(d.n, 1);
        const struct diag_message *m = &d.message[0];
        assert_string_equal(m->file, bad[i].name);
        if (strstr(m->text, bad[i].message) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, m->text, bad[i].message);
        if (m->line != bad[i].line || (bad[i].column > 0 && m->column != bad[i].column))
            fail_msg("row %zu: %u:%u: %s", i, m->line, m->column, m->text);
        diag_clear(&d);
    }
}

static void names_are_as_long_as_they_may_be_and_no_longer(void **state)
{
    (void)state;
    for (size_t len = NAME_LENGTH_MAX; len <= NAME_LENGTH_MAX + 1; len++) {
        char region[NAME_LENGTH_MAX + 2] = "", text[256];
        struct diag d = {0};
        memset(region, 'r', len);
        snprintf(text, sizeof(text),
                 "{\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\",\"scope\":\"%s\"}]}", region);
        struct ranges *r = ranges_parse("x.json", text, strlen(text), &d);
        assert_int_equal(r != NULL, len == NAME_LENGTH_MAX);
        ranges_free(r);
        diag_clear(&d);
    }
}

static void a_date_that_is_none_is_not_taken(void **state)
{
    (void)state;
    static const char *const tokens[] = {"\"soon\"", "12", "\"-1\"", "\"99999999999999999999\""};
    for (size_t i = 0; i < COUNT(tokens); i++) {
        char text[256];
        snprintf(
            text, sizeof(text),
            "{\"syncToken\":%s,\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\",\"scope\":\"x\"}]}",
            tokens[i]);
        struct ranges *r = parse("x.json", text);
        assert_int_equal(r->file[0].modified, 0);
        ranges_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amazon_is_read_with_duplicates_host_bits_and_no_region),
        cmocka_unit_test(google_is_read_with_global_as_no_region),
        cmocka_unit_test(of_azure_only_the_regional_cloud_tags_count),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(names_are_as_long_as_they_may_be_and_no_longer),
        cmocka_unit_test(a_date_that_is_none_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
