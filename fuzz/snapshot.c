/*
 * Snapshot images: the input is an image whose header is mended (magic, version, size, checksum),
 * so that it is what lies behind it that is looked at.
 *
 * It is refused with a reason, or answers: what it says lies inside it, decisions end, and their
 * Locations may stand in a header line.
 */
#include "fuzz.h"

#include "decide/route.h"
#include "policy/image.h"

#define DIGITS "00000000000000000000000000000000000000000000000000000000000000ff"

static const char *const targets[] = {
    "/",
    "/privacy",
    "/v2/",
    "/v2/a/manifests/1?b",
    ("/v2/a/manifests/sha256-" DIGITS ".sig"),
    ("/v2/a/blobs/sha256:" DIGITS),
    ("/v2/list/a/blobs/sha256%3A" DIGITS "?x"),
    "/release/a%20b?c",
    "/dl/v1/x",
    "/current",
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))
static const char *const clients[] = {"0.0.0.0",        "198.51.100.1", "198.51.100.100",
                                      "203.0.113.1",    "192.0.2.129",  "255.255.255.255",
                                      "2001:db8:ac::1", "::",           "ffff::"};
#define CLIENTS (sizeof(clients) / sizeof(clients[0]))
static const char *const hosts[] = {"", "cloud.test", "one.test.:80", "FILES.test", "share.test"};
#define HOSTS (sizeof(hosts) / sizeof(hosts[0]))
static const struct str fields[SNAPSHOT_HEADERS_MAX] = {STR_INIT("gold"), STR_INIT("red-"),
                                                        STR_INIT("curl/")};

/* ── Views ── */

static void check_text(const struct snapshot *s, struct str text)
{
    uintptr_t from = (uintptr_t)s->image, at = (uintptr_t)text.data;
    FUZZ_CHECK(at >= from && at <= from + s->size && text.len <= from + s->size - at);
    for (size_t i = 0; i < text.len; i++)
        FUZZ_CHECK(text.data[i] >= ' ' && text.data[i] <= '~');
}

static void check_network(const struct snapshot *s, uint32_t i)
{
    struct snapshot_network n = snapshot_network(s, i);
    check_text(s, n.cloud);
    check_text(s, n.region);
    FUZZ_CHECK(n.match <= SNAPSHOT_MATCH_REGION);
    for (uint32_t c = 0; c < n.n_stores; c++)
        FUZZ_CHECK(n.stores[c] < s->n_stores);
}

static void check_route(const struct snapshot *s, uint32_t i)
{
    struct snapshot_route route = snapshot_route(s, i);
    check_text(s, route.name);
    for (uint32_t t = 0; t < route.n_targets; t++) {
        struct snapshot_target target = snapshot_target(s, route.first_target + t);
        check_text(s, target.text);
        FUZZ_CHECK(target.kind < SNAPSHOT_TARGET_KINDS);
        FUZZ_CHECK(target.kind != SNAPSHOT_TARGET_STORE || target.index < s->n_stores);
        FUZZ_CHECK(target.kind != SNAPSHOT_TARGET_UPSTREAM || target.index < s->n_upstreams);
    }
}

static void check_parts(const struct snapshot *s)
{
    check_text(s, s->info_page);
    check_text(s, s->privacy_page);
    check_text(s, s->upstream);
    check_text(s, s->signatures);
    for (uint32_t i = 0; i < s->n_stores; i++) {
        check_text(s, snapshot_store(s, i).name);
        check_text(s, snapshot_store(s, i).objects);
    }
    for (uint32_t i = 0; i < s->n_networks; i++)
        check_network(s, i);
    for (uint32_t i = 0; i < s->n_sources; i++) {
        check_text(s, snapshot_source(s, i).name);
        check_text(s, snapshot_source(s, i).cloud);
    }
    for (uint32_t i = 0; i < s->n_upstreams; i++) {
        check_text(s, snapshot_upstream(s, i).name);
        check_text(s, snapshot_upstream(s, i).registry);
        check_text(s, snapshot_upstream(s, i).endpoint);
    }
    for (uint32_t i = 0; i < s->n_headers; i++)
        check_text(s, snapshot_header(s, i));
    for (uint32_t i = 0; i < s->n_routes; i++)
        check_route(s, i);
}

/* ── Answers ── */

static void check_answer(const struct snapshot *s, const struct decide_answer *a, size_t room)
{
    FUZZ_CHECK(a->network < s->n_networks && a->location.len <= room);
    FUZZ_CHECK(a->route == DECIDE_NO_ROUTE || a->route < s->n_routes);
    for (size_t i = 0; i < a->location.len; i++)
        FUZZ_CHECK(a->location.data[i] >= ' ' && a->location.data[i] <= '~');
    if (a->step == DECIDE_ROUTE && a->body.len > 0)
        check_text(s, a->body);
}

static void check_decision(const struct snapshot *s, const struct addr *client, const char *host,
                           const char *target)
{
    size_t size = DECIDE_BUFFER_SIZE(s, strlen(target));
    struct decide_request request = {
        .method = DECIDE_GET,
        .target = str_from(target),
        .host = str_from(host),
        .headers = fields,
        .buffer = malloc(size),
        .size = size,
    };
    for (int present = 0; present < 2; present++) {
        struct decision d;
        enum decide_next next = decide_begin(s, &request, client, &d);
        for (size_t asked = 0; next == DECIDE_ASK; asked++) {
            FUZZ_CHECK(d.ask_store < s->n_stores && asked <= s->size * s->size);
            FUZZ_CHECK((d.digest.size == 0) == (d.ask_path.len > 0));
            FUZZ_CHECK(d.digest.size != 0 || d.ask_path.data[0] == '/');
            next = decide_resume(&d, present ? DECIDE_PRESENT : DECIDE_ABSENT);
        }
        check_answer(s, &d.answer, size);
    }
    free(request.buffer);
}

/* What people are told of each route, also of those behind the one that is taken. */
static void check_reasons(const struct snapshot *s, const struct addr *client, const char *host,
                          const char *text)
{
    char memory[256];
    struct target target;
    struct route_facts facts;
    const struct decide_request request = {
        .target = str_from(text), .host = str_from(host), .headers = fields};
    target_normalise(request.target, memory, &target);
    FUZZ_CHECK(route_facts_make(&facts, &request, &target, client));
    facts.network = snapshot_locate(s, client);
    for (uint32_t i = 0; i < s->n_routes; i++)
        FUZZ_CHECK(route_test(s, &facts, i) <= ROUTE_SHARE);
}

static void check_client(const struct snapshot *s, const char *text)
{
    struct addr client;
    struct prefix matched;
    FUZZ_CHECK(addr_parse(str_from(text), &client));
    lpm_match(&s->table, &client, &matched);
    for (size_t i = 0; i < TARGETS; i++)
        for (size_t j = 0; j < (s->n_routes > 0 ? HOSTS : 1); j++)
            check_decision(s, &client, hosts[j], targets[i]);
    check_reasons(s, &client, hosts[1], targets[0]);
    check_reasons(s, &client, hosts[2], targets[TARGETS - 1]);
}

/* Of an image that is too short for a header nothing is mended. */
static void mend(void *image, size_t size)
{
    struct image_header h;
    if (size < sizeof(h))
        return;
    memcpy(&h, image, sizeof(h));
    memcpy(h.magic, IMAGE_MAGIC, sizeof(h.magic));
    h.version = SNAPSHOT_VERSION;
    h.order = IMAGE_ORDER;
    h.size = size;
    memcpy(image, &h, sizeof(h));
    h.checksum = image_checksum(image, size);
    memcpy(image, &h, sizeof(h));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot s;
    char *image = fuzz_copy(data, size);
    mend(image, size);
    const char *why = snapshot_open(&s, image, size);
    FUZZ_CHECK(why == NULL || why[0] != '\0');
    if (why == NULL) {
        check_parts(&s);
        for (size_t i = 0; i < CLIENTS; i++)
            check_client(&s, clients[i]);
    }
    free(image);
    return 0;
}
