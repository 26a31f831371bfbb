/*
 * Any routes, any request: the route that is taken is the first whose conditions hold, each looked
 * at by itself, without rows, columns and literals.
 */
#include "chance.h"
#include "check.h"

#include "base/glob.h"
#include "decide/route.h"
#include "policy/policy.h"

#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS 400
#define REQUESTS 200
#define ROUTES 140 /* more than two words of a row */
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ── What there is to choose from: little, so that much matches ── */

static const struct str clouds[] = {STR_INIT("aws"), STR_INIT("gcp"), STR_INIT("own")};
static const struct str regions[] = {STR_INIT("eu"), STR_INIT("us"), STR_INIT("aws/eu"),
                                     STR_INIT("gcp/us")};
static const struct str hosts[] = {STR_INIT("a"), STR_INIT("ab"), STR_INIT("b.test"),
                                   STR_INIT("ab.test")};
static const struct str paths[] = {
    STR_INIT("/a"),        STR_INIT("/a/**"),       STR_INIT("/a*"),  STR_INIT("/*/b"),
    STR_INIT("/**/b"),     STR_INIT("/ab/**/a"),    STR_INIT("/**"),  STR_INIT("/v2/**"),
    STR_INIT("/v2/a/**"),  STR_INIT("/abab/*"),     STR_INIT("/b/a"), STR_INIT("/aba*"),
    STR_INIT("/a/b/a/**"), STR_INIT("/**/tags/**"),
};
static const struct str repositories[] = {
    STR_INIT("a"),   STR_INIT("a/*"), STR_INIT("a/**"),   STR_INIT("**/b"), STR_INIT("ab"),
    STR_INIT("ab*"), STR_INIT("*"),   STR_INIT("**/a/*"), STR_INIT("b/**"), STR_INIT("a/b"),
};
static const struct policy_value values[] = {{STR_INIT("a"), false},  {STR_INIT("a"), true},
                                             {STR_INIT("ab"), false}, {STR_INIT("ab"), true},
                                             {STR_INIT("b"), true},   {STR_INIT("abba"), false},
                                             {STR_INIT("aba"), true}};
static const struct str names[] = {STR_INIT("x-one"), STR_INIT("x-two"), STR_INIT("x-three")};
static const uint32_t asns[] = {64500, 64501, 64502};
static const struct prefix prefixes[] = {
    {{ADDR_V4, {10}}, 8}, {{ADDR_V4, {10, 1}}, 16}, {{ADDR_V4, {10, 1, 3}}, 24}};
static const uint32_t indexes[] = {0, 1, 2};
static const struct policy_provider providers[] = {
    {&clouds[0], 1, &asns[0], 2}, {&clouds[1], 1, &asns[1], 1}, {NULL, 0, &asns[0], 3}};
static const struct policy_network networks[] = {
    {.place = {STR_INIT("aws"), STR_INIT("eu")}, .asn = 64501},
    {.place = {STR_INIT("aws"), STR_INIT("us")}, .inside = {{ADDR_V4, {10, 1}}, 16}},
    {.place = {STR_INIT("gcp"), STR_INIT("us")}, .asn = 64500},
    {.place = {STR_INIT("own"), STR_INIT("")}, .asn = 64502, .inside = {{ADDR_V4, {10, 1, 3}}, 24}},
    {.asn = 64500, .inside = {{ADDR_V4, {10}}, 8}},
    {.asn = 64502},
};
static const struct policy_target target = {
    .kind = SNAPSHOT_TARGET_URL, .status = 307, .text = STR_INIT("https://url.test")};

/* ── Routes ── */

/* Mostly none; otherwise some that stand together. */
#define SOME(array, list, count)                                                                   \
    (count = chance_below(2) > 0 ? 0 : 1 + chance_below(2),                                        \
     list = &(array)[chance_below(N(array) - 1)])

static struct policy_field fields[ROUTES][N(names)];

static void choose_fields(struct policy_route *r, struct policy_field *field)
{
    r->fields = field;
    for (size_t i = 0; i < N(names); i++)
        if (chance_below(5) == 0)
            field[r->n_fields++] =
                (struct policy_field){names[i], &values[chance_below(N(values) - 1)], 2};
}

static struct policy_route choose_route(struct policy_field *field)
{
    struct policy_route r = {
        .name = STR("route"), .share = POLICY_ALL, .targets = &target, .n_targets = 1};
    SOME(clouds, r.clouds.text, r.clouds.n);
    SOME(regions, r.regions.text, r.regions.n);
    SOME(indexes, r.providers, r.n_providers);
    SOME(asns, r.asns, r.n_asns);
    SOME(prefixes, r.prefixes, r.n_prefixes);
    SOME(hosts, r.hosts.text, r.hosts.n);
    SOME(paths, r.paths.text, r.paths.n);
    SOME(repositories, r.repositories.text, r.repositories.n);
    choose_fields(&r, field);
    r.kinds = chance_below(3) > 0 ? 0 : (unsigned)chance_below(1U << 6);
    r.methods = chance_below(4) > 0 ? 0 : 1 + (unsigned)chance_below(3);
    return r;
}

static void *build(const struct policy_route *routes, size_t n, struct snapshot *s)
{
    struct policy_range range[N(networks)];
    for (size_t i = 0; i < N(networks); i++)
        range[i] = (struct policy_range){{{ADDR_V4, {10, 1, (uint8_t)i}}, 24}, (uint32_t)i};
    const struct policy p = {
        .info_page = STR("https://info.test/"),
        .privacy_page = STR("https://privacy.test/"),
        .upstream_endpoint = STR("https://upstream.test"),
        .networks = networks,
        .n_networks = N(networks),
        .ranges = range,
        .n_ranges = N(range),
        .providers = providers,
        .n_providers = N(providers),
        .routes = routes,
        .n_routes = n,
    };
    const char *why;
    void *scratch = malloc(policy_scratch_size(&p));
    size_t bound = policy_image_bound(&p, scratch, &why);
    assert_null(why);
    void *image = malloc(bound);
    size_t size = policy_build(&p, scratch, image);
    assert_in_range(size, 1, bound);
    assert_null(snapshot_open(s, image, size));
    free(scratch);
    return image;
}

/* ── What a condition is ── */

struct request {
    enum decide_method method;
    enum path_kind kind;
    size_t network; /* N(networks): unknown */
    struct str host;
    struct str path;
    struct str repository;
    struct str field[N(names)];
};

static bool lists(const struct policy_texts *texts, struct str text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (str_eq(texts->text[i], text))
            return true;
    return texts->n == 0;
}

static bool any_matches(const struct policy_texts *patterns, struct str text)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (glob_matches(patterns->text[i], text))
            return true;
    return patterns->n == 0;
}

static bool has_asn(const uint32_t *list, size_t n, uint32_t asn)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == asn)
            return true;
    return false;
}

/* A cloud that some provider has is decided by the cloud, whatever the autonomous system. */
static bool is_of_provider(const struct policy_network *n, const struct policy_provider *p)
{
    if (str_eq(n->place.cloud, clouds[0]) || str_eq(n->place.cloud, clouds[1]))
        return p->n_clouds == 1 && str_eq(p->clouds[0], n->place.cloud);
    return has_asn(p->asns, p->n_asns, n->asn);
}

static bool is_in_region(const struct policy_network *n, struct str region)
{
    char both[16];
    snprintf(both, sizeof(both), "%.*s/%.*s", (int)n->place.cloud.len, n->place.cloud.data,
             (int)n->place.region.len, n->place.region.data);
    return str_eq(region, n->place.region) || str_eq(region, str_from(both));
}

static bool fits_client(const struct policy_route *r, const struct policy_network *n)
{
    bool region = r->regions.n == 0, provider = r->n_providers == 0, inside = r->n_prefixes == 0;
    for (size_t i = 0; i < r->regions.n; i++)
        region = region || is_in_region(n, r->regions.text[i]);
    for (size_t i = 0; i < r->n_providers; i++)
        provider = provider || is_of_provider(n, &providers[r->providers[i]]);
    for (size_t i = 0; i < r->n_prefixes; i++)
        inside = inside || (n->inside.bits >= r->prefixes[i].bits &&
                            prefix_holds(&r->prefixes[i], &n->inside.addr));
    return lists(&r->clouds, n->place.cloud) && region && provider && inside &&
           (r->n_asns == 0 || has_asn(r->asns, r->n_asns, n->asn));
}

static bool fits_fields(const struct policy_route *r, const struct request *q)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct policy_field *f = &r->fields[i];
        struct str got = {NULL, 0};
        bool found = false;
        for (size_t j = 0; j < N(names); j++)
            if (str_eq(names[j], f->name))
                got = q->field[j];
        for (size_t j = 0; j < f->n_values; j++)
            found = found || (f->values[j].longer ? str_starts(got, f->values[j].text)
                                                  : str_eq(got, f->values[j].text));
        if (!found)
            return false;
    }
    return true;
}

static bool fits(const struct policy_route *r, const struct request *q)
{
    static const struct policy_network unknown = {.asn = 0};
    const struct policy_network *n = q->network < N(networks) ? &networks[q->network] : &unknown;
    return fits_client(r, n) && fits_fields(r, q) && lists(&r->hosts, q->host) &&
           any_matches(&r->paths, q->path) &&
           (r->repositories.n == 0 ||
            (q->repository.len > 0 && any_matches(&r->repositories, q->repository))) &&
           (r->kinds == 0 || (r->kinds >> q->kind & 1) != 0) &&
           (r->methods == 0 || (r->methods >> q->method & 1) != 0);
}

/* ── Requests ── */

static struct str spell(char *out, size_t most, const char *letters)
{
    size_t len = chance_below(most + 1);
    for (size_t i = 0; i < len; i++)
        out[i] = letters[chance_below(strlen(letters))];
    out[len] = '\0';
    return str_make(out, len);
}

struct texts {
    char path[256];
    char repository[16];
    char field[N(names)][8];
};

static void choose_path(struct request *q, struct texts *t)
{
    static const char *const repository[] = {"a", "b", "ab", "a/b", "b/a", "a/b/a", "abab", "b/b"};
    static const char *const rest[] = {"blobs/uploads",   "manifests/1",
                                       "blobs/sha256:00", "tags/list",
                                       "referrers/x:y",   "manifests/sha256-" HEX ".sig"};
    q->kind = PATH_OTHER;
    q->repository = STR("");
    if (chance_below(2) == 0) {
        t->path[0] = '/';
        spell(t->path + 1, 6, "ab/");
    } else {
        q->kind = (enum path_kind)chance_below(N(rest));
        snprintf(t->repository, sizeof(t->repository), "%s",
                 repository[chance_below(N(repository))]);
        snprintf(t->path, sizeof(t->path), "/v2/%s/%s", t->repository, rest[q->kind]);
        if (q->kind != PATH_OTHER)
            q->repository = str_from(t->repository);
    }
    q->path = str_from(t->path);
}

static struct request choose_request(struct texts *t)
{
    struct request q = {
        .method = (enum decide_method)chance_below(2),
        .network = chance_below(N(networks) + 1),
        .host = hosts[chance_below(N(hosts))],
    };
    choose_path(&q, t);
    for (size_t i = 0; i < N(names); i++)
        if (chance_below(4) > 0)
            q.field[i] = spell(t->field[i], 5, "ab");
    return q;
}

static uint32_t decide(const struct snapshot *s, const struct request *q)
{
    char buffer[1024];
    struct str headers[SNAPSHOT_HEADERS_MAX];
    const struct addr client = {ADDR_V4, {10, 1, (uint8_t)q->network, 1}};
    for (uint32_t i = 0; i < s->n_headers; i++)
        for (size_t j = 0; j < N(names); j++)
            if (str_eq(names[j], snapshot_header(s, i)))
                headers[i] = q->field[j];
    const struct decide_request request = {.method = q->method,
                                           .target = q->path,
                                           .host = q->host,
                                           .headers = headers,
                                           .buffer = buffer,
                                           .size = sizeof(buffer)};
    struct decision d;
    assert_int_equal(decide_begin(s, &request, &client, &d), DECIDE_ANSWER);
    return d.answer.route;
}

static void the_first_route_whose_conditions_hold_is_taken(void **state)
{
    size_t taken = 0;
    struct policy_route routes[ROUTES];
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct snapshot s;
        struct texts texts;
        size_t n = 1 + chance_below(ROUTES);
        for (size_t i = 0; i < n; i++)
            routes[i] = choose_route(fields[i]);
        void *image = build(routes, n, &s);
        for (size_t i = 0; i < REQUESTS; i++) {
            struct request q = choose_request(&texts);
            size_t want = 0;
            while (want < n && !fits(&routes[want], &q))
                want++;
            uint32_t got = decide(&s, &q);
            if (got != (want < n ? want : DECIDE_NO_ROUTE))
                fail_msg("round %zu, request %zu: route %u of %zu, not %zu", round, i, got, n,
                         want);
            taken += want < n;
        }
        free(image);
    }
    print_message("%zu of %d requests took a route\n", taken, ROUNDS * REQUESTS);
    assert_in_range(taken, ROUNDS * REQUESTS / 4, ROUNDS * REQUESTS * 3 / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_route_whose_conditions_hold_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
