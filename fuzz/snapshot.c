/*
 * Snapshot images: the input is an image whose header is mended (magic, version, size, checksum),
 * so that it is what lies behind it that is looked at.
 *
 * It is refused with a reason, or answers: what it says lies inside it, decisions end, and their
 * Locations may stand in a header line.
 */
#include "fuzz.h"

#include "policy/image.h"
#include <archeio/decide.h>

#define DIGITS "00000000000000000000000000000000000000000000000000000000000000ff"

static const char *const targets[] = {
    "/",
    "/privacy",
    "/v2/",
    "/v2/a/manifests/1?b",
    ("/v2/a/manifests/sha256-" DIGITS ".sig"),
    ("/v2/a/blobs/sha256:" DIGITS),
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))
static const char *const clients[] = {"0.0.0.0",        "198.51.100.1", "198.51.100.100",
                                      "203.0.113.1",    "192.0.2.129",  "255.255.255.255",
                                      "2001:db8:ac::1", "::",           "ffff::"};
#define CLIENTS (sizeof(clients) / sizeof(clients[0]))

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
}

/* ── Answers ── */

static void check_decision(const struct snapshot *s, const char *target, const struct addr *client,
                           bool present)
{
    struct decision d;
    size_t size = DECIDE_BUFFER_SIZE(s, strlen(target));
    struct decide_request request = {DECIDE_GET, str_from(target), malloc(size), size};
    enum decide_next next = decide_begin(s, &request, client, &d);
    for (size_t asked = 0; next == DECIDE_ASK; asked++) {
        FUZZ_CHECK(d.ask_store < s->n_stores && asked <= UINT16_MAX);
        next = decide_resume(&d, present ? DECIDE_PRESENT : DECIDE_ABSENT);
    }
    FUZZ_CHECK(d.answer.network < s->n_networks);
    FUZZ_CHECK(d.answer.location.len <= size);
    for (size_t i = 0; i < d.answer.location.len; i++)
        FUZZ_CHECK(d.answer.location.data[i] >= ' ' && d.answer.location.data[i] <= '~');
    free(request.buffer);
}

static void check_client(const struct snapshot *s, const char *text)
{
    struct addr client;
    struct prefix matched;
    FUZZ_CHECK(addr_parse(str_from(text), &client));
    lpm_match(&s->table, &client, &matched);
    for (size_t i = 0; i < TARGETS; i++) {
        check_decision(s, targets[i], &client, true);
        check_decision(s, targets[i], &client, false);
    }
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
