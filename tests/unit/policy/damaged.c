/*
 * Snapshot images that are not what policy_build() wrote: refused with a reason, or harmless.
 */
#include "policy/site.h"

#include "chance.h"

#define ROUNDS 200000

static const char *const client[] = {"192.0.2.1",    "192.0.2.200", "198.51.100.1",
                                     "203.0.113.1",  "0.0.0.0",     "255.255.255.255",
                                     "2001:db8::17", "::",          "ffff:ffff::"};

/* ── What an accepted one must survive ── */

static void check_location(struct str location, size_t room)
{
    assert_true(location.len <= room);
    for (size_t i = 0; i < location.len; i++)
        assert_true(location.data[i] >= 0x20 && location.data[i] <= 0x7e);
}

static void decide_all(const struct snapshot *s, const struct addr *from, const char *target)
{
    static const struct str header[SNAPSHOT_HEADERS_MAX] = {STR_INIT("gold"), STR_INIT("g")};
    size_t size = DECIDE_BUFFER_SIZE(s, strlen(target));
    assert_true(s->n_headers <= SNAPSHOT_HEADERS_MAX);
    struct decide_request request = {
        .method = chance_number() % 2 == 0 ? DECIDE_GET : DECIDE_HEAD,
        .target = str_from(target),
        .host = chance_number() % 2 == 0 ? STR("DL.test:80") : STR("files.test."),
        .headers = chance_number() % 2 == 0 ? header : NULL,
        .buffer = malloc(size),
        .size = size,
    };
    for (int present = 0; present < 3; present++) {
        struct decision d;
        enum decide_next next = decide_begin(s, &request, from, &d);
        for (int asked = 0; next == DECIDE_ASK; asked++) {
            assert_true(d.ask_store < s->n_stores);
            assert_true(asked <= 2 * (int)UINT16_MAX);
            next = decide_resume(&d, asked == present ? DECIDE_PRESENT : DECIDE_UNKNOWN);
        }
        assert_true(d.answer.network < s->n_networks);
        assert_true(d.answer.route == DECIDE_NO_ROUTE || d.answer.route < s->n_routes);
        check_location(d.answer.location, size);
        check_location(d.answer.body, SNAPSHOT_URL_MAX);
    }
    free(request.buffer);
}

static void use(const struct snapshot *s)
{
    static const char *const target[] = {
        "/",
        "/privacy",
        "/v2/",
        "/v2/a/manifests/1",
        "/v2/a/manifests/sha256-"
        "0000000000000000000000000000000000000000000000000000000000000000.sig",
        "/v2/a%2e/blobs/sha256%3A"
        "0000000000000000000000000000000000000000000000000000000000000000?a=b",
        "/dl/x%20y?z",
        "/exact",
        "/v2/team/x/tags/list",
        "/v2/team/x/blobs/sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < N(client); i++) {
        struct addr a;
        assert_true(addr_parse(str_from(client[i]), &a));
        decide_all(s, &a, target[(i + chance_number()) % N(target)]);
        decide_all(s, &a, target[N(target) - 1]);
    }
    for (uint32_t i = 0; i < s->n_sources; i++)
        check_location(snapshot_source(s, i).name, SNAPSHOT_URL_MAX);
    for (uint32_t i = 0; i < s->n_stores; i++)
        check_location(snapshot_store(s, i).objects, SNAPSHOT_URL_MAX);
    for (uint32_t i = 0; i < s->n_networks; i++)
        check_location(snapshot_network(s, i).region, SNAPSHOT_URL_MAX);
    for (uint32_t i = 0; i < s->n_upstreams; i++)
        check_location(snapshot_upstream(s, i).endpoint, SNAPSHOT_URL_MAX);
    for (uint32_t i = 0; i < s->n_routes; i++) {
        struct snapshot_route route = snapshot_route(s, i);
        check_location(route.name, SNAPSHOT_URL_MAX);
        for (uint32_t j = 0; j < route.n_targets && j < 3; j++)
            check_location(snapshot_target(s, route.first_target + j).text, SNAPSHOT_URL_MAX);
    }
    for (uint32_t i = 0; i < s->n_headers; i++)
        check_location(snapshot_header(s, i), SNAPSHOT_URL_MAX);
}

/* ── Damage ── */

/* A bit, a byte, or an integer that is extreme or near to what is right. */
static void damage(const struct image *image)
{
    static const uint32_t extreme[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8};
    uint64_t r = chance_number();
    /* Half of them in the header, where it hurts most. */
    size_t most = r % 2 == 0 ? image->size : sizeof(struct image_header);
    size_t at = (size_t)(chance_number() % most);
    size_t word = at - at % 4 + 4 <= image->size ? at - at % 4 : 0;
    uint32_t value;
    memcpy(&value, image->data + word, sizeof(value));
    switch (r / 2 % 5) {
    case 0:
        image->data[at] ^= (unsigned char)(1U << (r >> 8) % 8);
        break;
    case 1:
        image->data[at] = (unsigned char)(r >> 16);
        break;
    case 2:
        put32(image, word, extreme[(r >> 8) % N(extreme)]);
        break;
    case 3:
        put32(image, word, value + (uint32_t)((r >> 8) % 17) - 8);
        break;
    default:
        put32(image, word, (uint32_t)((r >> 8) % (2 * image->size)));
        break;
    }
}

static void test_a_damaged_image_is_refused_or_harmless(void **state)
{
    (void)state;
    struct image image = build();
    size_t accepted = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct image damaged = copy(&image, image.size);
        struct snapshot s;
        for (uint64_t times = chance_number() % 3 + 1; times > 0; times--)
            damage(&damaged);
        seal(&damaged);
        if (snapshot_open(&s, damaged.data, damaged.size) == NULL) {
            use(&s);
            accepted++;
        }
        free(damaged.data);
    }
    print_message("%zu of %d damaged images were accepted\n", accepted, ROUNDS);
    assert_in_range(accepted, ROUNDS / 100, ROUNDS - ROUNDS / 100);
    free(image.data);
}

static void test_any_changed_bit_is_refused(void **state)
{
    (void)state;
    struct image image = build();
    struct snapshot s;
    for (size_t bit = 0; bit < 8 * image.size; bit++) {
        image.data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_non_null(snapshot_open(&s, image.data, image.size));
        image.data[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    assert_null(snapshot_open(&s, image.data, image.size));
    free(image.data);
}

static void test_an_image_that_is_cut_or_longer_is_refused(void **state)
{
    (void)state;
    struct image image = build();
    struct snapshot s;
    for (size_t size = 0; size <= image.size + 9; size++) {
        struct image part = copy(&image, size);
        if (size != image.size)
            assert_non_null(snapshot_open(&s, part.data, part.size));
        /* An image whose header says that it is meant to be so long is looked into. */
        if (size >= sizeof(struct image_header)) {
            header(&part)->size = size;
            seal(&part);
            if (snapshot_open(&s, part.data, part.size) == NULL)
                use(&s);
        }
        free(part.data);
    }
    free(image.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_changed_bit_is_refused),
        cmocka_unit_test(test_an_image_that_is_cut_or_longer_is_refused),
        cmocka_unit_test(test_a_damaged_image_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
