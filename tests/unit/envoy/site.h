/*
 * A site with the stores "eu" and "us", which both serve the client 127.0.0.1, in that order; put
 * into the filter as `archeio compile --wasm` does it.
 */
#ifndef TESTS_UNIT_ENVOY_SITE_H
#define TESTS_UNIT_ENVOY_SITE_H

#include "host.h"

#include "inserted.h"
#include "policy/policy.h"

#define SITE_UPSTREAM "https://upstream.test/v2/a/b/"
#define SITE_EU "https://eu.test/containers/images/"
#define SITE_US "http://us.test:8080/x/containers/images/"

static struct str site_image;

struct str inserted_snapshot(void)
{
    return site_image;
}

/* Both stores, and what else p says. */
static inline void site_make(struct policy p)
{
    static const struct policy_place place = {STR_INIT("aws"), STR_INIT("eu-west-3")};
    static const struct policy_network network = {
        .place = {STR_INIT("aws"), STR_INIT("eu-west-3")}};
    static const struct policy_store store[] = {
        {.name = STR_INIT("eu"),
         .url = STR_INIT("https://eu.test"),
         .serves = &place,
         .n_serves = 1},
        {.name = STR_INIT("us"),
         .url = STR_INIT("http://us.test:8080/x"),
         .serves = &place,
         .n_serves = 1},
    };
    static struct policy_range range = {.network = 0};
    assert_int_equal(prefix_parse(STR("127.0.0.1/32"), &range.prefix), PREFIX_OK);
    p.info_page = STR("https://info.test/");
    p.privacy_page = STR("https://privacy.test/");
    p.upstream_endpoint = STR("https://upstream.test");
    p.upstream_path = STR("a/b");
    p.stores = store;
    p.n_stores = 2;
    p.networks = &network;
    p.n_networks = 1;
    p.ranges = &range;
    p.n_ranges = 1;
    const char *why;
    void *scratch = malloc(policy_scratch_size(&p) + 1);
    char *image = malloc(policy_image_bound(&p, scratch, &why));
    size_t size = policy_build(&p, scratch, image);
    assert_true(size > 0);
    free(scratch);
    site_image = str_make(realloc(image, size), size);
}

static inline int site_build(void **state)
{
    (void)state;
    site_make((struct policy){.n_routes = 0});
    return 0;
}

static inline int site_free(void **state)
{
    (void)state;
    free((void *)(uintptr_t)site_image.data);
    host_reset();
    while (host.n_pages > 0)
        free(host.page[--host.n_pages]);
    return 0;
}

/* A new process with that configuration. */
static inline void site_start(const char *configuration)
{
    host_reset();
    assert_true(host_configure(configuration, strlen(configuration)));
}

/* The text of a digest. */
static inline const char *site_digest(unsigned number)
{
    static char text[16][80];
    static unsigned next;
    char *to = text[next++ % 16];
    snprintf(to, 80, "sha256:%064x", number);
    return to;
}

static inline uint32_t site_get(const char *path, uint32_t *action)
{
    const struct pairs_field field[] = {{STR(":method"), STR("GET")},
                                        {STR(":path"), str_from(path)}};
    return host_request(field, 2, action);
}

/* Asks for a blob; the request's context. */
static inline uint32_t site_blob(unsigned number)
{
    static char path[HOST_MAX][128];
    uint32_t action;
    char *to = path[host.n_requests];
    snprintf(to, sizeof(path[0]), "/v2/app/blobs/%s", site_digest(number));
    uint32_t context = site_get(to, &action);
    assert_int_equal(action, ABI_PAUSE);
    return context;
}

static inline bool site_waits(uint32_t context)
{
    return host_answer(context)->status == 0;
}

/* Where a request was sent: "eu", "us" or "upstream". */
static inline const char *site_sent(uint32_t context)
{
    const struct host_answer *a = host_answer(context);
    assert_int_equal(a->status, 307);
    struct str location = str_from(a->location);
    return str_starts(location, STR(SITE_EU))         ? "eu"
           : str_starts(location, STR(SITE_US))       ? "us"
           : str_starts(location, STR(SITE_UPSTREAM)) ? "upstream"
                                                      : "?";
}

#endif
