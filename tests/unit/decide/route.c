/*
 * Which route a request takes, and what it is answered: by a small site with a route for every
 * condition and every target.
 */
#include "check.h"

#include "decide/route.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define LIST(array)                                                                                \
    {                                                                                              \
        array, N(array)                                                                            \
    }
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ── The site ── */

enum { EU, US };
static const struct policy_place everywhere = {STR_INIT(""), STR_INIT("")};
static const struct policy_place aws = {STR_INIT("aws"), STR_INIT("")};
static const struct policy_store store[] = {
    {STR_INIT("eu"), STR_INIT("https://eu.test"), &aws, 1, false},
    {STR_INIT("us"), STR_INIT("https://us.test/x"), &everywhere, 1, false},
};
static const struct policy_upstream upstream[] = {
    {STR_INIT("upstream"), STR_INIT("https://upstream.test"), STR_INIT("a")},
    {STR_INIT("other"), STR_INIT("https://other.test"), STR_INIT("")},
};

/* 192.0.2.0/24 is of AS 64500, and AWS's; in it 192.0.2.128/25 is of AS 64501, and Azure's. Of
 * 198.51.100.0/24 no cloud says anything; it is of AS 64501. 203.0.113.0/24 is AWS's, too, with
 * 203.0.113.64/26, which a route names. */
static const struct policy_network network[] = {
    {.place = {STR_INIT("aws"), STR_INIT("eu-west-3")}, .asn = 64500},
    {.place = {STR_INIT("azure"), STR_INIT("westeurope")}, .asn = 64501},
    {.asn = 64501},
    {.place = {STR_INIT("aws"), STR_INIT("us-east-1")}},
    {.place = {STR_INIT("aws"), STR_INIT("us-east-1")},
     .inside = {{ADDR_V4, {203, 0, 113, 64}}, 26}},
};
static const struct policy_range range[] = {
    {{{ADDR_V4, {192, 0, 2, 0}}, 24}, 0},    {{{ADDR_V4, {192, 0, 2, 128}}, 25}, 1},
    {{{ADDR_V4, {198, 51, 100, 0}}, 24}, 2}, {{{ADDR_V4, {203, 0, 113, 0}}, 24}, 3},
    {{{ADDR_V4, {203, 0, 113, 64}}, 26}, 4},
};
#define EU_CLIENT "192.0.2.1"
#define AZURE_CLIENT "192.0.2.200"
#define AS_CLIENT "198.51.100.1"
#define US_CLIENT "203.0.113.1"
#define INSIDE_CLIENT "203.0.113.70"
#define UNKNOWN_CLIENT "192.88.99.1"

static const struct str amazon_clouds[] = {STR_INIT("aws")};
static const uint32_t amazon_asns[] = {64500, 64501}, other_asns[] = {64501};
static const struct policy_provider provider[] = {
    {amazon_clouds, 1, amazon_asns, N(amazon_asns)},
    {NULL, 0, other_asns, 1},
};

static const struct str dl[] = {STR_INIT("dl.example.org")};
static const struct str asn_host[] = {STR_INIT("asn.test")};
static const struct str of_host[] = {STR_INIT("provider.test")};
static const struct str inside_host[] = {STR_INIT("inside.test"), STR_INIT("inside2.test")};
static const struct str cloud_host[] = {STR_INIT("cloud.test")};
static const struct str region_host[] = {STR_INIT("region.test")};
static const struct str share_host[] = {STR_INIT("share.test")};
static const struct str list_host[] = {STR_INIT("list.test")};
static const struct str stores_host[] = {STR_INIT("stores.test")};
static const struct str all_host[] = {STR_INIT("all.test")};
static const struct str azure[] = {STR_INIT("azure")};
static const struct str regions[] = {STR_INIT("us-east-1"), STR_INIT("aws/eu-west-3")};
static const uint32_t asn[] = {64501};
static const uint32_t first_provider[] = {0}, second_provider[] = {1};
static const struct prefix inside[] = {{{ADDR_V4, {203, 0, 113, 64}}, 26}};
static const struct str release[] = {STR_INIT("/release/**"), STR_INIT("/current")};
static const struct str old[] = {STR_INIT("/old/**")};
static const struct str hidden[] = {STR_INIT("/hidden")};
static const struct str e2e[] = {STR_INIT("e2e/**"), STR_INIT("*-test")};
static const struct str gone[] = {STR_INIT("gone")};
static const struct policy_value team_values[] = {{STR_INIT("blue"), false},
                                                  {STR_INIT("red-"), true}};
static const struct policy_value tier_values[] = {{STR_INIT("gold"), false}};
static const struct policy_field team[] = {{STR_INIT("x-team"), team_values, N(team_values)}};
static const struct policy_field tier[] = {{STR_INIT("x-tier"), tier_values, N(tier_values)},
                                           {STR_INIT("x-team"), team_values, 1}};

#define URL(code, at)                                                                              \
    {                                                                                              \
        .kind = SNAPSHOT_TARGET_URL, .status = (code), .text = STR_INIT(at)                        \
    }
static const struct policy_target to_releases[] = {URL(302, "https://storage.test/releases")};
static const struct policy_target to_old[] = {URL(301, "https://old.test")};
static const struct policy_target to_mirror[] = {URL(308, "https://mirror.test")};
static const struct policy_target to_team[] = {URL(307, "https://team.test")};
static const struct policy_target to_tier[] = {URL(307, "https://tier.test")};
static const struct policy_target to_answer[] = {
    {.kind = SNAPSHOT_TARGET_ANSWER, .status = 410, .text = STR_INIT("gone")}};
static const struct policy_target to_list[] = {
    {.kind = SNAPSHOT_TARGET_STORE, .index = US},
    {.kind = SNAPSHOT_TARGET_STORE, .index = EU},
    {.kind = SNAPSHOT_TARGET_UPSTREAM, .index = 1},
};
static const struct policy_target to_stores[] = {{.kind = SNAPSHOT_TARGET_STORES}};

static const struct policy_route route[] = {
    {.name = STR_INIT("releases"),
     .hosts = LIST(dl),
     .paths = LIST(release),
     .targets = to_releases,
     .n_targets = 1},
    {.name = STR_INIT("old"),
     .hosts = LIST(dl),
     .paths = LIST(old),
     .methods = 1U << DECIDE_GET,
     .targets = to_old,
     .n_targets = 1},
    {.name = STR_INIT("hidden"), .paths = LIST(hidden), .targets = to_answer, .n_targets = 1},
    {.name = STR_INIT("gone"), .repositories = LIST(gone), .targets = to_answer, .n_targets = 1},
    {.name = STR_INIT("e2e"), .repositories = LIST(e2e), .targets = to_list, .n_targets = 3},
    {.name = STR_INIT("asn"),
     .hosts = LIST(asn_host),
     .asns = asn,
     .n_asns = 1,
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("amazon"),
     .hosts = LIST(of_host),
     .providers = first_provider,
     .n_providers = 1,
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("second"),
     .hosts = LIST(of_host),
     .providers = second_provider,
     .n_providers = 1,
     .targets = to_old,
     .n_targets = 1},
    {.name = STR_INIT("inside"),
     .hosts = LIST(inside_host),
     .prefixes = inside,
     .n_prefixes = 1,
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("cloud"),
     .hosts = LIST(cloud_host),
     .clouds = LIST(azure),
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("region"),
     .hosts = LIST(region_host),
     .regions = LIST(regions),
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("share"),
     .hosts = LIST(share_host),
     .share = POLICY_ALL / 4,
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("tier"), .fields = tier, .n_fields = 2, .targets = to_tier, .n_targets = 1},
    {.name = STR_INIT("team"), .fields = team, .n_fields = 1, .targets = to_team, .n_targets = 1},
    {.name = STR_INIT("list"),
     .hosts = LIST(list_host),
     .strips = true,
     .strip = STR_INIT("/d"),
     .targets = to_list,
     .n_targets = 3},
    {.name = STR_INIT("stores"), .hosts = LIST(stores_host), .targets = to_stores, .n_targets = 1},
    {.name = STR_INIT("tags"),
     .hosts = LIST(all_host),
     .kinds = 1U << PATH_TAGS | 1U << PATH_REFERRERS,
     .targets = to_mirror,
     .n_targets = 1},
    {.name = STR_INIT("signatures"),
     .hosts = LIST(all_host),
     .kinds = 1U << PATH_SIGNATURE,
     .targets = to_old,
     .n_targets = 1},
    {.name = STR_INIT("heads"),
     .hosts = LIST(all_host),
     .kinds = 1U << PATH_MANIFEST,
     .methods = 1U << DECIDE_HEAD,
     .targets = to_team,
     .n_targets = 1},
};

static struct snapshot snapshot;
static void *image;

static struct policy_route with_share(struct policy_route r)
{
    r.share = r.share == 0 ? POLICY_ALL : r.share;
    return r;
}

static void *build(const struct policy_route *routes, size_t n_routes, struct snapshot *s)
{
    const struct policy p = {
        .info_page = STR("https://info.test/"),
        .privacy_page = STR("https://privacy.test/"),
        .upstream_endpoint = STR("https://upstream.test"),
        .upstream_path = STR("a"),
        .stores = store,
        .n_stores = N(store),
        .networks = network,
        .n_networks = N(network),
        .ranges = range,
        .n_ranges = N(range),
        .upstreams = upstream,
        .n_upstreams = N(upstream),
        .providers = provider,
        .n_providers = N(provider),
        .routes = routes,
        .n_routes = n_routes,
    };
    const char *why;
    void *scratch = malloc(policy_scratch_size(&p));
    size_t bound = policy_image_bound(&p, scratch, &why);
    assert_null(why);
    unsigned char *space = malloc(bound);
    size_t size = policy_build(&p, scratch, space);
    assert_in_range(size, 1, bound);
    void *built = malloc(size);
    memcpy(built, space, size);
    free(space);
    free(scratch);
    why = snapshot_open(s, built, size);
    if (why != NULL)
        fail_msg("%s", why);
    return built;
}

static int set_up(void **state)
{
    (void)state;
    struct policy_route routes[N(route)];
    for (size_t i = 0; i < N(route); i++)
        routes[i] = with_share(route[i]);
    image = build(routes, N(route), &snapshot);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(image);
    return 0;
}

/* ── Requests ── */

struct row {
    const char *client;
    const char *host;
    const char *target;
    const char *has; /* the stores that have it, by name */
    const char *route;
    int status;
    const char *location;
    const char *team; /* X-Team */
    const char *tier; /* X-Tier */
    enum decide_method method;
};

#define BLOB "/v2/e2e/x/blobs/" DIGEST
static const struct row row[] = {
    /* Paths: the URL takes the place of what stands before the first wildcard. */
    {EU_CLIENT, "dl.example.org", "/release/v1/a.tgz", "", "releases", 302,
     "https://storage.test/releases/v1/a.tgz", NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "DL.Example.ORG.:8443", "/release/?a=b", "", "releases", 302,
     "https://storage.test/releases/?a=b", NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release/a%2Fb%20c", "", "releases", 302,
     "https://storage.test/releases/a%2Fb%20c", NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release//x/", "", "releases", 302,
     "https://storage.test/releases//x/", NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/current", "", "releases", 302, "https://storage.test/releases",
     NULL, NULL, DECIDE_HEAD},
    {EU_CLIENT, "dl.example.org", "/current/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release/../x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release/%2e%2E/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release/%2", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/release/\"", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "example.org", "/release/v1", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "", "/release/v1", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/old/x", "", "old", 301, "https://old.test/x", NULL, NULL,
     DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/old/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_HEAD},
    {EU_CLIENT, "dl.example.org", "/old/x", "", NULL, 405, NULL, NULL, NULL, DECIDE_OTHER},
    {EU_CLIENT, "x", "/hidden", "", "hidden", 410, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "dl.example.org", "/", "", NULL, 307, "https://info.test/", NULL, NULL, DECIDE_GET},

    /* Repositories. Stores have blobs; manifests come from the list's upstream. */
    {US_CLIENT, "r", "/v2/gone/manifests/1", "", "gone", 410, NULL, NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/gone/x/manifests/1", "", NULL, 307,
     "https://upstream.test/v2/a/gone/x/manifests/1", NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/e2e/x/manifests/1", "us", "e2e", 307,
     "https://other.test/v2/e2e/x/manifests/1", NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", BLOB, "us eu", "e2e", 307, "https://us.test/x/containers/images/" DIGEST, NULL,
     NULL, DECIDE_GET},
    {US_CLIENT, "r", BLOB "?x=y", "eu", "e2e", 307, "https://eu.test/containers/images/" DIGEST,
     NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", BLOB "?x=y", "", "e2e", 307,
     "https://other.test/v2/e2e/x/blobs/" DIGEST "?x=y", NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/my-test/blobs/" DIGEST, "us", "e2e", 307,
     "https://us.test/x/containers/images/" DIGEST, NULL, NULL, DECIDE_GET},
    {UNKNOWN_CLIENT, "r", "/v2/a/my-test/blobs/" DIGEST, "us", NULL, 307,
     "https://us.test/x/containers/images/" DIGEST, NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/e2e/x/blobs/md5:00", "us", "e2e", 307,
     "https://other.test/v2/e2e/x/blobs/md5:00", NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/e2e/x/blobs/sha256:00", "us", "e2e", 400, NULL, NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/e2e/../blobs/" DIGEST, "us", NULL, 400, NULL, NULL, NULL, DECIDE_GET},
    {US_CLIENT, "r", "/v2/", "", NULL, 200, NULL, NULL, NULL, DECIDE_GET},

    /* Who the client is. */
    {AS_CLIENT, "asn.test", "/x", "", "asn", 308, "https://mirror.test/x", NULL, NULL, DECIDE_GET},
    {AZURE_CLIENT, "asn.test", "/x", "", "asn", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {EU_CLIENT, "asn.test", "/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {UNKNOWN_CLIENT, "asn.test", "/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "provider.test", "/x", "", "amazon", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {US_CLIENT, "provider.test", "/x", "", "amazon", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {AS_CLIENT, "provider.test", "/x", "", "amazon", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {UNKNOWN_CLIENT, "provider.test", "/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {INSIDE_CLIENT, "inside.test", "/x", "", "inside", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {INSIDE_CLIENT, "inside2.test", "/x", "", "inside", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {US_CLIENT, "inside.test", "/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {AZURE_CLIENT, "cloud.test", "/x", "", "cloud", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {EU_CLIENT, "cloud.test", "/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "region.test", "/x", "", "region", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {US_CLIENT, "region.test", "/x", "", "region", 308, "https://mirror.test/x", NULL, NULL,
     DECIDE_GET},
    {AZURE_CLIENT, "region.test", "/x", "", NULL, 404, NULL, NULL, NULL, DECIDE_GET},

    /* Fields. */
    {EU_CLIENT, "h", "/x", "", "team", 307, "https://team.test/x", "blue", NULL, DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", "team", 307, "https://team.test/x", "red-1", NULL, DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", "team", 307, "https://team.test/x", "red-", NULL, DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", NULL, 404, NULL, "blue ", NULL, DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", NULL, 404, NULL, "red", NULL, DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", NULL, 404, NULL, "Blue", NULL, DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", NULL, 404, NULL, NULL, "gold", DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", "tier", 307, "https://tier.test/x", "blue", "gold", DECIDE_GET},
    {EU_CLIENT, "h", "/x", "", "team", 307, "https://team.test/x", "red-", "gold", DECIDE_GET},

    /* A list for artifacts: stores are asked for the path, of which "/d" is taken away. */
    {EU_CLIENT, "list.test", "/d/x?q", "us", "list", 307, "https://us.test/x/x?q", NULL, NULL,
     DECIDE_GET},
    {EU_CLIENT, "list.test", "/d/x", "eu", "list", 307, "https://eu.test/x", NULL, NULL,
     DECIDE_GET},
    {EU_CLIENT, "list.test", "/d/x?q", "", "list", 307, "https://other.test/x?q", NULL, NULL,
     DECIDE_GET},
    {EU_CLIENT, "list.test", "/v2/", "us", "list", 200, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "list.test", "/v2/_catalog", "us", "list", 404, NULL, NULL, NULL, DECIDE_GET},

    /* The stores that serve the client's network. */
    {EU_CLIENT, "stores.test", "/x", "eu us", "stores", 307, "https://eu.test/x", NULL, NULL,
     DECIDE_GET},
    {UNKNOWN_CLIENT, "stores.test", "/x", "eu us", "stores", 307, "https://us.test/x/x", NULL, NULL,
     DECIDE_GET},
    {UNKNOWN_CLIENT, "stores.test", "/x", "eu", "stores", 404, NULL, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "stores.test", "/v2/a/blobs/" DIGEST, "us", "stores", 307,
     "https://upstream.test/v2/a/a/blobs/" DIGEST, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "stores.test", "/v2/a/manifests/1", "eu us", "stores", 307,
     "https://upstream.test/v2/a/a/manifests/1", NULL, NULL, DECIDE_GET},

    /* Kinds. */
    {EU_CLIENT, "all.test", "/v2/a/tags/list?n=5", "", "tags", 308,
     "https://mirror.test/v2/a/tags/list?n=5", NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "all.test", "/v2/a/referrers/" DIGEST, "", "tags", 308,
     "https://mirror.test/v2/a/referrers/" DIGEST, NULL, NULL, DECIDE_GET},
    {EU_CLIENT, "all.test", "/v2/a/manifests/sha256-" HEX ".sig", "", "signatures", 301,
     "https://old.test/v2/a/manifests/sha256-" HEX ".sig", NULL, NULL, DECIDE_HEAD},
    {EU_CLIENT, "all.test", "/v2/a/manifests/1", "", "heads", 307,
     "https://team.test/v2/a/manifests/1", NULL, NULL, DECIDE_HEAD},
    {EU_CLIENT, "all.test", "/v2/a/manifests/1", "", NULL, 307,
     "https://upstream.test/v2/a/a/manifests/1", NULL, NULL, DECIDE_GET},
};

static struct str optional(const char *text)
{
    return text != NULL ? str_from(text) : (struct str){NULL, 0};
}

static bool has(const char *stores, struct str name)
{
    char wanted[16];
    snprintf(wanted, sizeof(wanted), "%.*s", (int)name.len, name.data);
    return strstr(stores, wanted) != NULL;
}

static struct decision decide(const struct row *r, char *buffer, size_t size)
{
    struct addr client;
    struct str headers[SNAPSHOT_HEADERS_MAX];
    assert_true(addr_parse(str_from(r->client), &client));
    assert_int_equal(snapshot.n_headers, 2);
    for (uint32_t i = 0; i < snapshot.n_headers; i++)
        headers[i] =
            optional(str_eq(snapshot_header(&snapshot, i), STR("x-team")) ? r->team : r->tier);
    const struct decide_request request = {
        .method = r->method,
        .target = str_from(r->target),
        .host = str_from(r->host),
        .headers = headers,
        .buffer = buffer,
        .size = size,
    };
    struct decision d;
    enum decide_next next = decide_begin(&snapshot, &request, &client, &d);
    while (next == DECIDE_ASK) {
        struct str name = snapshot_store(&snapshot, d.ask_store).name;
        assert_true((d.digest.size == 0) == (d.ask_path.len > 0));
        next = decide_resume(&d, has(r->has, name) ? DECIDE_PRESENT : DECIDE_ABSENT);
    }
    return d;
}

static void each_request_takes_its_route(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(row); i++) {
        size_t size = DECIDE_BUFFER_SIZE(&snapshot, strlen(row[i].target));
        char *buffer = malloc(size);
        struct decision d = decide(&row[i], buffer, size);
        struct str name = d.answer.route == DECIDE_NO_ROUTE
                              ? STR("none")
                              : snapshot_route(&snapshot, d.answer.route).name;
        struct str want = row[i].route != NULL ? str_from(row[i].route) : STR("none");
        struct str location = optional(row[i].location);
        if (!str_eq(name, want) || d.answer.status != row[i].status ||
            !str_eq(d.answer.location, location))
            fail_msg("row %zu, %s%s: route %.*s, %d, %.*s", i, row[i].host, row[i].target,
                     (int)name.len, name.data, d.answer.status, (int)d.answer.location.len,
                     d.answer.location.data);
        free(buffer);
    }
}

/* ── A share ── */

static bool is_shared(const char *client, const char *path)
{
    const struct row r = {client, "share.test", path, "", NULL, 0, NULL, NULL, NULL, DECIDE_GET};
    char buffer[1024];
    assert_true(DECIDE_BUFFER_SIZE(&snapshot, strlen(path)) <= sizeof(buffer));
    return decide(&r, buffer, sizeof(buffer)).answer.status == 308;
}

static void a_share_is_of_that_size_and_always_the_same(void **state)
{
    (void)state;
    int n = 0;
    for (int i = 0; i < 4000; i++) {
        char client[32], neighbour[32];
        snprintf(client, sizeof(client), "10.%d.%d.1", i / 256, i % 256);
        snprintf(neighbour, sizeof(neighbour), "10.%d.%d.200", i / 256, i % 256);
        bool shared = is_shared(client, "/x");
        assert_true(shared == is_shared(client, "/x"));
        assert_true(shared == is_shared(neighbour, "/x"));
        n += shared;
    }
    assert_in_range(n, 900, 1100);
    n = 0;
    for (int i = 0; i < 4000; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/x/%d", i);
        n += is_shared("2001:db8::1", path);
    }
    assert_in_range(n, 900, 1100);
}

/* ── Why a route is not taken ── */

static void the_first_condition_that_fails_is_named(void **state)
{
    (void)state;
    struct addr client;
    struct str headers[2] = {{NULL, 0}, {NULL, 0}};
    assert_true(addr_parse(STR(US_CLIENT), &client));
    const struct decide_request request = {.method = DECIDE_HEAD,
                                           .target = STR("/old/x"),
                                           .host = STR("dl.example.org"),
                                           .headers = headers};
    const enum route_condition want[] = {
        ROUTE_PATH,   ROUTE_METHOD, ROUTE_PATH,   ROUTE_REPOSITORY, ROUTE_REPOSITORY,
        ROUTE_CLIENT, ROUTE_HOST,   ROUTE_CLIENT, ROUTE_CLIENT,     ROUTE_CLIENT,
        ROUTE_HOST,   ROUTE_HOST,   ROUTE_HEADER, ROUTE_HEADER,     ROUTE_HOST,
        ROUTE_HOST,   ROUTE_KIND,   ROUTE_KIND,   ROUTE_KIND};
    struct target target;
    struct route_facts facts;
    char memory[16];
    target_normalise(request.target, memory, &target);
    assert_true(route_facts_make(&facts, &request, &target, &client));
    facts.network = snapshot_locate(&snapshot, &client);
    assert_int_equal(N(want), snapshot.n_routes);
    for (uint32_t i = 0; i < N(want); i++)
        if (route_test(&snapshot, &facts, i) != want[i])
            fail_msg("route %u: %d", i, route_test(&snapshot, &facts, i));
}

/* ── Many ── */

#define MANY 1000

static void of_a_thousand_routes_the_first_that_matches_is_taken(void **state)
{
    (void)state;
    static char name[MANY][16], pattern[MANY][24];
    static struct str patterns[MANY];
    struct policy_route *routes = calloc(MANY, sizeof(*routes));
    for (int i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof(name[i]), "r%d", i);
        snprintf(pattern[i], sizeof(pattern[i]), "team-%d/**", i / 2);
        patterns[i] = str_from(pattern[i]);
        routes[i] = (struct policy_route){.name = str_from(name[i]),
                                          .repositories = {&patterns[i], 1},
                                          .share = POLICY_ALL,
                                          .targets = to_mirror,
                                          .n_targets = 1};
    }
    struct snapshot s;
    void *built = build(routes, MANY, &s);
    for (int i = -1; i <= MANY / 2; i++) {
        char target[64], buffer[1024];
        snprintf(target, sizeof(target), "/v2/team-%d/x/manifests/1", i);
        const struct decide_request request = {
            .target = str_from(target), .host = STR("r"), .buffer = buffer, .size = sizeof(buffer)};
        const struct addr client = {.family = ADDR_NONE};
        struct decision d;
        assert_int_equal(decide_begin(&s, &request, &client, &d), DECIDE_ANSWER);
        assert_int_equal(d.answer.route,
                         i >= 0 && i < MANY / 2 ? (uint32_t)(2 * i) : DECIDE_NO_ROUTE);
    }
    free(built);
    free(routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_takes_its_route),
        cmocka_unit_test(a_share_is_of_that_size_and_always_the_same),
        cmocka_unit_test(the_first_condition_that_fails_is_named),
        cmocka_unit_test(of_a_thousand_routes_the_first_that_matches_is_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
