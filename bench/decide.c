/*
 * Measures decisions by routes: nanoseconds for each, with ten routes and with a thousand, of a
 * request that the last of them takes and of one that none takes. The routes are told apart by
 * their repositories, or, a fifth of them each, by host, repository, path, field and network.
 */
#include "policy/policy.h"
#include <archeio/decide.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 1000, ROUNDS = 20, DECISIONS = 20000, KINDS = 5 };

static const struct policy_target target = {
    .kind = SNAPSHOT_TARGET_URL, .status = 302, .text = STR_INIT("https://mirror.test")};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ── Routes ── */

static struct policy_route route[MOST];
static struct policy_network network[MOST];
static struct policy_range range[MOST];
static struct policy_value value[MOST];
static struct policy_field field[MOST];
static struct str name[MOST], pattern[MOST];
static uint32_t asn[MOST];

static struct str print(const char *before, size_t i, const char *behind)
{
    char *text;
    int len = asprintf(&text, "%s%zu%s", before, i, behind);
    if (len < 0)
        abort();
    return str_make(text, (size_t)len);
}

static void look_at(struct policy_route *r, size_t i, unsigned kind)
{
    const struct policy_texts texts = {&pattern[i], 1};
    if (kind == 0) {
        pattern[i] = print("team-", i, "/**");
        r->repositories = texts;
    } else if (kind == 1) {
        pattern[i] = print("host-", i, ".test");
        r->hosts = texts;
    } else if (kind == 2) {
        pattern[i] = print("/path-", i, "/**");
        r->paths = texts;
    } else if (kind == 3) {
        value[i] = (struct policy_value){print("value-", i, ""), false};
        field[i] = (struct policy_field){STR("x-team"), &value[i], 1};
        r->fields = &field[i];
        r->n_fields = 1;
    } else {
        r->asns = &asn[i];
        r->n_asns = 1;
    }
}

/* The last of them is by its repository. */
static void make_routes(size_t n, bool mixed)
{
    for (size_t i = 0; i < n; i++) {
        name[i] = print("route-", i, "");
        asn[i] = (uint32_t)i + 1;
        network[i] = (struct policy_network){.asn = asn[i]};
        range[i] = (struct policy_range){{{ADDR_V4, {10, (uint8_t)(i >> 8), (uint8_t)i}}, 24},
                                         (uint32_t)i};
        route[i] = (struct policy_route){
            .name = name[i], .share = POLICY_ALL, .targets = &target, .n_targets = 1};
        look_at(&route[i], i, mixed ? (unsigned)((n - 1 - i) % KINDS) : 0);
    }
}

static void *build(size_t n, struct snapshot *s)
{
    const struct policy p = {
        .info_page = STR("https://info.test"),
        .privacy_page = STR("https://privacy.test"),
        .upstream_endpoint = STR("https://upstream.test"),
        .upstream_path = STR("images"),
        .networks = network,
        .n_networks = n,
        .ranges = range,
        .n_ranges = n,
        .routes = route,
        .n_routes = n,
    };
    const char *why;
    void *scratch = malloc(policy_scratch_size(&p));
    size_t bound = policy_image_bound(&p, scratch, &why);
    void *image = malloc(bound);
    size_t size = policy_build(&p, scratch, image);
    free(scratch);
    if (size == 0 || snapshot_open(s, image, size) != NULL)
        abort();
    return image;
}

/* ── Decisions ── */

/* The answers are summed and printed, so that no decision can be left out. */
static uint64_t consumed;

static double measure(const struct snapshot *s, const char *path, uint32_t expected)
{
    static char buffer[1024];
    const struct str field_value = STR("value-none");
    const struct addr client = {ADDR_V4, {192, 0, 2, 1}};
    const struct decide_request request = {.target = str_from(path),
                                           .host = STR("registry.test"),
                                           .headers = &field_value,
                                           .buffer = buffer,
                                           .size = sizeof(buffer)};
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < DECISIONS; i++) {
            struct decision d;
            decide_begin(s, &request, &client, &d);
            consumed += d.answer.location.len;
            if (d.answer.route != expected)
                abort();
        }
        double took = now_ns() - start;
        best = took < best ? took : best;
    }
    return best / DECISIONS;
}

static void measure_both(size_t n, bool mixed)
{
    struct snapshot s;
    char last[64];
    const char *by = mixed ? "five conditions" : "repository";
    make_routes(n, mixed);
    void *image = build(n, &s);
    snprintf(last, sizeof(last), "/v2/team-%zu/app/manifests/v1.2", n - 1);
    printf("%-16s %4zu routes  last %6.1f ns  none %6.1f ns\n", by, n,
           measure(&s, last, (uint32_t)n - 1),
           measure(&s, "/v2/team/app/manifests/v1.2", DECIDE_NO_ROUTE));
    free(image);
}

int main(void)
{
    for (int mixed = 0; mixed < 2; mixed++) {
        measure_both(10, mixed != 0);
        measure_both(MOST, mixed != 0);
    }
    printf("(%llu)\n", (unsigned long long)consumed);
    return 0;
}
