#include "check.h"

#include "policy/image.h"
#include "policy/policy.h"

#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct policy_place eu = {STR_INIT("aws"), STR_INIT("eu-west-3")};
static const struct policy_place us = {STR_INIT("aws"), STR_INIT("us-east-2")};
static const struct policy_place aws = {STR_INIT("aws"), STR_INIT("")};
static const struct policy_place everywhere = {STR_INIT(""), STR_INIT("")};

static struct policy small(void)
{
    return (struct policy){
        .info_page = STR("https://info.test/"),
        .privacy_page = STR("https://privacy.test/"),
        .upstream_endpoint = STR("https://upstream.test"),
        .upstream_path = STR("a/b"),
    };
}

struct built {
    void *image;
    size_t size;
    struct snapshot snapshot;
};

/* Builds p in memory of exactly the sizes that the functions ask for. */
static struct built build(const struct policy *p)
{
    struct built out;
    const char *why;
    void *scratch = malloc(policy_scratch_size(p) + 1);
    size_t bound = policy_image_bound(p, scratch, &why);
    assert_null(why);
    assert_true(bound > 0);
    unsigned char *image = malloc(bound);
    out.size = policy_build(p, scratch, image);
    assert_true(out.size > 0);
    assert_true(out.size <= bound);
    free(scratch);
    out.image = malloc(out.size);
    memcpy(out.image, image, out.size);
    free(image);
    assert_null(snapshot_open(&out.snapshot, out.image, out.size));
    return out;
}

static struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_int_equal(prefix_parse(str_from(text), &p), PREFIX_OK);
    return p;
}

static void test_without_stores_and_ranges(void **state)
{
    (void)state;
    struct policy p = small();
    struct built b = build(&p);
    struct addr a = check_addr("192.0.2.1");
    check_str(b.snapshot.info_page, "https://info.test/");
    check_str(b.snapshot.privacy_page, "https://privacy.test/");
    check_str(b.snapshot.upstream, "https://upstream.test/v2/a/b/");
    check_str(b.snapshot.signatures, "");
    assert_int_equal(b.snapshot.prefix_max, strlen("https://upstream.test/v2/a/b/"));
    assert_int_equal(b.snapshot.n_stores, 0);
    assert_int_equal(b.snapshot.n_networks, 1);
    assert_int_equal(snapshot_locate(&b.snapshot, &a), SNAPSHOT_NETWORK_UNKNOWN);
    assert_int_equal(snapshot_network(&b.snapshot, 0).n_stores, 0);
    free(b.image);
}

static void test_path_prefix_may_be_empty(void **state)
{
    (void)state;
    struct policy p = small();
    p.upstream_path = STR("");
    p.signature_endpoint = STR("https://signatures.test:8443");
    struct built b = build(&p);
    check_str(b.snapshot.upstream, "https://upstream.test/v2/");
    check_str(b.snapshot.signatures, "https://signatures.test:8443/v2/");
    free(b.image);
}

/* Which stores a network's clients are sent to, as "name,name". */
static void check_candidates(const struct snapshot *s, const char *client, const char *want)
{
    char got[256] = "";
    struct addr a = check_addr(client);
    struct snapshot_network n = snapshot_network(s, snapshot_locate(s, &a));
    for (uint32_t i = 0; i < n.n_stores; i++) {
        struct str name = snapshot_store(s, n.stores[i]).name;
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s", i > 0 ? "," : "",
                 (int)name.len, name.data);
    }
    assert_string_equal(got, want);
}

#define OF(cloud, region)                                                                          \
    {                                                                                              \
        .place = { STR_INIT(cloud), STR_INIT(region) }                                             \
    }
static const struct policy_network networks[] = {
    OF("aws", "eu-west-3"),    OF("aws", "us-east-2"), OF("aws", "ap-south-1"), OF("aws", ""),
    OF("gcp", "europe-west1"), OF("gcp", ""),          OF("azure", "eastus"),
};
static const struct policy_network one = OF("aws", "");

static struct policy with_ranges(struct policy_range range[7])
{
    static const char *const text[] = {"198.51.100.0/25",  "198.51.100.128/25", "203.0.113.0/25",
                                       "203.0.113.128/25", "192.0.2.0/25",      "2001:db8::/32",
                                       "198.51.100.200/32"};
    struct policy p = small();
    for (uint32_t i = 0; i < 7; i++)
        range[i] = (struct policy_range){prefix(text[i]), i};
    p.networks = networks;
    p.n_networks = N(networks);
    p.ranges = range;
    p.n_ranges = 7;
    return p;
}

static void test_most_specific_place_wins_in_the_files_order(void **state)
{
    (void)state;
    const struct policy_place a_serves[] = {us, eu}, b_serves[] = {eu, everywhere};
    const struct policy_store stores[] = {
        {STR("a"), STR("https://a.test"), a_serves, 2, false},
        {STR("b"), STR("https://b.test"), b_serves, 2, true},
        {STR("c"), STR("https://c.test"), &aws, 1, false},
        {STR("d"), STR("https://d.test"), &everywhere, 1, false},
        {STR("e"), STR("https://e.test"), &aws, 1, false},
    };
    struct policy_range range[7];
    struct policy p = with_ranges(range);
    p.stores = stores;
    p.n_stores = N(stores);
    struct built b = build(&p);
    check_candidates(&b.snapshot, "198.51.100.1", "a,b");   /* both serve the region */
    check_candidates(&b.snapshot, "198.51.100.129", "a");   /* a alone does */
    check_candidates(&b.snapshot, "203.0.113.1", "c,e");    /* none: the cloud's */
    check_candidates(&b.snapshot, "203.0.113.129", "c,e");  /* a cloud without a region */
    check_candidates(&b.snapshot, "192.0.2.1", "b,d");      /* another cloud: default */
    check_candidates(&b.snapshot, "192.0.2.200", "b,d");    /* unknown: default */
    check_candidates(&b.snapshot, "198.51.100.200", "b,d"); /* nested: the longest wins */
    struct snapshot_store store = snapshot_store(&b.snapshot, 1);
    check_str(store.objects, "https://b.test/containers/images/");
    for (uint32_t i = 0; i < N(stores); i++)
        assert_int_equal(snapshot_store(&b.snapshot, i).indexed, i == 1);
    free(b.image);
}

static enum snapshot_match route_of(const struct snapshot *s, const char *client)
{
    struct addr a = check_addr(client);
    return snapshot_network(s, snapshot_locate(s, &a)).match;
}

static void test_networks_know_which_entry_routes_them(void **state)
{
    (void)state;
    const struct policy_place stay[] = {networks[5].place, networks[4].place};
    const struct policy_place serves[] = {aws, eu, {STR("gcp"), STR("europe-west1")}};
    struct policy_store stores[] = {{STR("a"), STR("https://a.test"), serves, N(serves), false},
                                    {STR("b"), STR("https://b.test"), &everywhere, 1, false}};
    struct policy_range range[7];
    struct policy p = with_ranges(range);
    p.blobs_for = stay;
    p.n_blobs_for = 2;
    p.stores = stores;
    p.n_stores = 2;
    struct built b = build(&p);
    assert_int_equal(route_of(&b.snapshot, "198.51.100.1"), SNAPSHOT_MATCH_REGION);
    assert_int_equal(route_of(&b.snapshot, "198.51.100.129"), SNAPSHOT_MATCH_CLOUD);
    assert_int_equal(route_of(&b.snapshot, "203.0.113.129"), SNAPSHOT_MATCH_CLOUD);
    assert_int_equal(route_of(&b.snapshot, "192.0.2.1"), SNAPSHOT_MATCH_REGION); /* it stays */
    assert_int_equal(route_of(&b.snapshot, "2001:db8::1"), SNAPSHOT_MATCH_CLOUD);
    assert_int_equal(route_of(&b.snapshot, "198.51.100.200"), SNAPSHOT_MATCH_DEFAULT);
    assert_int_equal(route_of(&b.snapshot, "192.0.2.200"), SNAPSHOT_MATCH_DEFAULT);
    free(b.image);
    p.n_stores = 1;
    p.n_blobs_for = 0;
    b = build(&p);
    assert_int_equal(route_of(&b.snapshot, "192.0.2.1"), SNAPSHOT_MATCH_REGION); /* a store's */
    assert_int_equal(route_of(&b.snapshot, "2001:db8::1"), SNAPSHOT_MATCH_NONE);
    assert_int_equal(route_of(&b.snapshot, "192.0.2.200"), SNAPSHOT_MATCH_NONE);
    free(b.image);
}

static void test_networks_know_their_names_and_whether_blobs_stay(void **state)
{
    (void)state;
    const struct policy_place stay[] = {{STR("gcp"), STR("")}, us};
    struct policy_range range[7];
    struct policy p = with_ranges(range);
    p.blobs_for = stay;
    p.n_blobs_for = N(stay);
    struct built b = build(&p);
    static const bool want[] = {false, true, false, false, true, true, false};
    for (uint32_t i = 0; i < N(networks); i++) {
        struct addr a = range[i].prefix.addr;
        struct snapshot_network n = snapshot_network(&b.snapshot, snapshot_locate(&b.snapshot, &a));
        assert_true(str_eq(n.cloud, networks[i].place.cloud));
        assert_true(str_eq(n.region, networks[i].place.region));
        assert_int_equal(n.blobs_from_upstream, want[i]);
    }
    assert_false(snapshot_network(&b.snapshot, 0).blobs_from_upstream);
    check_str(snapshot_network(&b.snapshot, 0).cloud, "");
    free(b.image);
}

static void test_sources_are_kept(void **state)
{
    (void)state;
    const struct snapshot_source sources[] = {{STR("aws.json"), STR("aws"), 1700000000, 17},
                                              {STR("own.txt"), STR("own"), 0, 0}};
    struct policy p = small();
    p.sources = sources;
    p.n_sources = 2;
    struct built b = build(&p);
    struct snapshot_source got = snapshot_source(&b.snapshot, 0);
    check_str(got.name, "aws.json");
    check_str(got.cloud, "aws");
    assert_int_equal(got.modified, 1700000000);
    assert_int_equal(got.prefixes, 17);
    check_str(snapshot_source(&b.snapshot, 1).name, "own.txt");
    free(b.image);
}

static void check_refused(const struct policy *p, const char *want)
{
    const char *why = NULL;
    size_t scratch_size = policy_scratch_size(p);
    void *scratch = malloc(scratch_size == SIZE_MAX ? 1 : scratch_size + 1);
    assert_int_equal(policy_image_bound(p, scratch, &why), 0);
    assert_non_null(why);
    assert_string_equal(why, want);
    free(scratch);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static char text[SNAPSHOT_URL_MAX + 2];
    memset(text, 'x', sizeof(text) - 1);
    const struct str too_long = str_from(text);
    const struct policy_store long_name = {too_long, STR("https://a.test"), &aws, 1, false};
    const struct policy_store long_url = {STR("a"), str_make(text, SNAPSHOT_URL_MAX - 18), &aws, 1,
                                          false};
    const struct policy_network long_place = {.place = {STR("aws"), too_long}};
    const struct snapshot_source long_source = {too_long, STR("aws"), 0, 0};
    const struct policy_upstream long_upstream = {STR("mirror"), too_long, STR("")};
    const struct policy_range range = {prefix("192.0.2.0/24"), 1};
    struct policy p = small();
    p.upstream_endpoint = STR("");
    check_refused(&p, "there is no upstream endpoint");
    p = small();
    p.info_page = too_long;
    check_refused(&p, "the URL of a page, the upstream or the signatures is too long");
    p = small();
    p.upstream_path = too_long;
    check_refused(&p, "the URL of a page, the upstream or the signatures is too long");
    p = small();
    p.n_stores = 1;
    p.stores = &long_name;
    check_refused(&p, "the name or URL of a store is too long");
    p.stores = &long_url;
    check_refused(&p, "the name or URL of a store is too long");
    p.n_stores = SNAPSHOT_STORES_MAX + 1;
    check_refused(&p, "there are too many stores");
    p = small();
    p.networks = &long_place;
    p.n_networks = 1;
    check_refused(&p, "the name of a cloud or region is too long");
    p.networks = &one;
    p.ranges = &range;
    p.n_ranges = 1;
    check_refused(&p, "a range is of a network that is not there");
    p.n_networks = SNAPSHOT_NETWORKS_MAX;
    check_refused(&p, "the ranges and routes tell too many networks apart");
    p = small();
    p.sources = &long_source;
    p.n_sources = 1;
    check_refused(&p, "the name of a ranges file is too long");
    p.n_sources = SNAPSHOT_NETWORKS_MAX + 1;
    check_refused(&p, "there are too many ranges files");
    p = small();
    p.upstreams = &long_upstream;
    p.n_upstreams = 1;
    check_refused(&p, "the name or URL of an upstream is too long");
}

static void test_what_no_memory_holds_is_refused_before_it_is_looked_at(void **state)
{
    const struct policy_field boundless = {STR("x-team"), NULL, SIZE_MAX / 64};
    const struct policy_route route = {.name = STR("all"), .fields = &boundless, .n_fields = 1};
    uint64_t nothing = 0;
    struct policy p = small();
    (void)state;
    p.routes = &route;
    p.n_routes = 1;
    assert_int_equal(policy_scratch_size(&p), SIZE_MAX);
    check_refused(&p, "there are too many prefixes or routes");
    assert_int_equal(policy_build(&p, &nothing, &nothing), 0);
    assert_int_equal(nothing, 0);
}

static void test_more_prefixes_than_a_table_takes(void **state)
{
    (void)state;
    struct policy p = small();
    p.n_ranges = LPM_PREFIXES_MAX + 1;
    assert_int_equal(policy_scratch_size(&p), SIZE_MAX);
}

/* Prefixes that share nothing make the largest tables. */
static void test_an_image_larger_than_a_file_may_be_is_refused(void **state)
{
    (void)state;
    struct policy p = small();
    struct policy_range *ranges = calloc(LPM_PREFIXES_MAX, sizeof(*ranges));
    uint64_t bits = 1;
    for (size_t i = 0; i < LPM_PREFIXES_MAX; i++) {
        struct prefix *to = &ranges[i].prefix;
        *to = (struct prefix){.addr = {.family = ADDR_V6}, .bits = 128};
        for (size_t k = 0; k < sizeof(to->addr.bytes); k++) {
            bits = bits * UINT64_C(6364136223846793005) + 1442695040888963407U;
            to->addr.bytes[k] = (uint8_t)(bits >> 56);
        }
    }
    p.networks = &one;
    p.n_networks = 1;
    p.ranges = ranges;
    p.n_ranges = LPM_PREFIXES_MAX;
    check_refused(&p, "it would be larger than 1 GiB");
    free(ranges);
}

static void test_prefix_with_host_bits_is_not_built(void **state)
{
    (void)state;
    struct policy p = small();
    struct policy_range range = {prefix("192.0.2.0/24"), 0};
    const char *why;
    range.prefix.addr.bytes[3] = 1;
    p.networks = &one;
    p.n_networks = 1;
    p.ranges = &range;
    p.n_ranges = 1;
    void *scratch = malloc(policy_scratch_size(&p));
    void *image = malloc(policy_image_bound(&p, scratch, &why));
    assert_int_equal(policy_build(&p, scratch, image), 0);
    free(image);
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_stores_and_ranges),
        cmocka_unit_test(test_path_prefix_may_be_empty),
        cmocka_unit_test(test_most_specific_place_wins_in_the_files_order),
        cmocka_unit_test(test_networks_know_which_entry_routes_them),
        cmocka_unit_test(test_networks_know_their_names_and_whether_blobs_stay),
        cmocka_unit_test(test_sources_are_kept),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_what_no_memory_holds_is_refused_before_it_is_looked_at),
        cmocka_unit_test(test_more_prefixes_than_a_table_takes),
        cmocka_unit_test(test_an_image_larger_than_a_file_may_be_is_refused),
        cmocka_unit_test(test_prefix_with_host_bits_is_not_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
