/*
 * For tests of snapshot images: a small site with something in every part, and what changes images.
 */
#ifndef TESTS_POLICY_SITE_H
#define TESTS_POLICY_SITE_H

#include "check.h"

#include "policy/image.h"
#include "policy/policy.h"

#include <archeio/decide.h>
#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct policy_place place[] = {
    {STR_INIT("aws"), STR_INIT("eu-west-3")},
    {STR_INIT("aws"), STR_INIT("")},
    {STR_INIT("gcp"), STR_INIT("europe-west1")},
};
static const struct policy_network network[] = {
    {.place = {STR_INIT("aws"), STR_INIT("eu-west-3")}},
    {.place = {STR_INIT("aws"), STR_INIT("")}},
    {.place = {STR_INIT("gcp"), STR_INIT("europe-west1")}},
};
static const struct policy_place everywhere = {STR_INIT(""), STR_INIT("")};
static const struct policy_place gcp = {STR_INIT("gcp"), STR_INIT("")};
static const struct policy_store store[] = {
    {STR_INIT("eu"), STR_INIT("https://eu.test"), &place[0], 1, false},
    {STR_INIT("aws"), STR_INIT("https://aws.test"), &place[1], 1, false},
    {STR_INIT("cdn"), STR_INIT("https://cdn.test/a"), &everywhere, 1, false},
};
static const struct snapshot_source source[] = {
    {STR_INIT("own.txt"), STR_INIT("aws"), 1700000000, 4}};
static const struct policy_upstream upstream[] = {
    {STR_INIT("other"), STR_INIT("https://other.test"), STR_INIT("c")}};

/* ── Routes, with something of every kind; one more than a word of a row has bits ── */

enum { ROUTES = 65 };
static const struct str clouds[] = {STR_INIT("aws")};
static const struct str hosts[] = {STR_INIT("dl.test"), STR_INIT("files.test")};
static const struct str paths[] = {STR_INIT("/dl/**"), STR_INIT("/d*"), STR_INIT("/exact")};
static const struct str repositories[] = {STR_INIT("team/**"), STR_INIT("a*")};
static const struct policy_value values[] = {{STR_INIT("gold"), false}, {STR_INIT("g"), true}};
static const struct policy_field fields[] = {{STR_INIT("x-team"), values, N(values)},
                                             {STR_INIT("x-tier"), values, 1}};
static const struct policy_target targets[][3] = {
    {{.kind = SNAPSHOT_TARGET_STORE, .index = 1},
     {.kind = SNAPSHOT_TARGET_STORES},
     {.kind = SNAPSHOT_TARGET_UPSTREAM, .index = 0}},
    {{.kind = SNAPSHOT_TARGET_URL, .status = 302, .text = STR_INIT("https://url.test/x")}},
    {{.kind = SNAPSHOT_TARGET_ANSWER, .status = 503, .text = STR_INIT("later")}},
};
static const struct policy_route some[] = {
    {.hosts = {hosts, 2}, .paths = {paths, 3}, .targets = targets[0], .n_targets = 3},
    {.clouds = {clouds, 1}, .hosts = {hosts, 1}, .targets = targets[1], .n_targets = 1},
    {.repositories = {repositories, 2}, .targets = targets[0], .n_targets = 3},
    {.fields = fields, .n_fields = 2, .targets = targets[1], .n_targets = 1},
    {.hosts = {hosts, 2}, .share = POLICY_ALL / 2, .targets = targets[2], .n_targets = 1},
    {.paths = {paths, 3},
     .strips = true,
     .strip = STR_INIT("/d"),
     .targets = targets[0],
     .n_targets = 2},
    {.kinds = 2, .methods = 1, .hosts = {hosts, 2}, .targets = targets[1], .n_targets = 1},
};

static inline void make_routes(struct policy_route route[ROUTES])
{
    for (size_t i = 0; i < ROUTES; i++) {
        route[i] = some[i % N(some)];
        route[i].name = STR("route");
        route[i].share = route[i].share == 0 ? POLICY_ALL : route[i].share;
    }
}

static inline struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_int_equal(prefix_parse(str_from(text), &p), PREFIX_OK);
    return p;
}

struct image {
    unsigned char *data;
    size_t size;
};

static inline struct image build(void)
{
    struct policy_route route[ROUTES];
    make_routes(route);
    const struct policy_range range[] = {
        {prefix("192.0.2.0/24"), 1},
        {prefix("192.0.2.128/25"), 0},
        {prefix("198.51.100.0/24"), 2},
        {prefix("2001:db8::/32"), 0},
    };
    const struct policy p = {
        .info_page = STR("https://info.test/"),
        .privacy_page = STR("https://privacy.test/"),
        .upstream_endpoint = STR("https://upstream.test"),
        .upstream_path = STR("a/b"),
        .signature_endpoint = STR("https://signatures.test"),
        .blobs_for = &gcp,
        .n_blobs_for = 1,
        .stores = store,
        .n_stores = N(store),
        .networks = network,
        .n_networks = N(network),
        .ranges = range,
        .n_ranges = N(range),
        .upstreams = upstream,
        .n_upstreams = N(upstream),
        .routes = route,
        .n_routes = ROUTES,
        .sources = source,
        .n_sources = N(source),
    };
    const char *why;
    void *scratch = malloc(policy_scratch_size(&p));
    unsigned char *space = malloc(policy_image_bound(&p, scratch, &why));
    struct image image = {.size = policy_build(&p, scratch, space)};
    assert_true(image.size > 0);
    image.data = malloc(image.size);
    memcpy(image.data, space, image.size);
    free(space);
    free(scratch);
    return image;
}

static inline struct image copy(const struct image *of, size_t size)
{
    struct image image = {malloc(size > 0 ? size : 1), size};
    memset(image.data, 0, size > 0 ? size : 1);
    memcpy(image.data, of->data, size < of->size ? size : of->size);
    return image;
}

static inline struct image_header *header(const struct image *image)
{
    return (struct image_header *)(void *)image->data;
}

/* So that it is what lies behind the checksum that is looked at. */
static inline void seal(const struct image *image)
{
    header(image)->checksum = image_checksum(header(image), image->size);
}

static inline void put32(const struct image *image, size_t at, uint32_t value)
{
    memcpy(image->data + at, &value, sizeof(value));
}

#endif
