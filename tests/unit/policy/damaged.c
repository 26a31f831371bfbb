/*
 * Snapshot images that are not what policy_build() wrote: refused with a reason, or harmless.
 */
#include "check.h"

#include "policy/image.h"
#include "policy/policy.h"

#include <archeio/decide.h>
#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS 200000
#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint64_t number = SEED;

/* xorshift64* */
static uint64_t random_number(void)
{
    number ^= number >> 12;
    number ^= number << 25;
    number ^= number >> 27;
    return number * UINT64_C(0x2545f4914f6cdd1d);
}

/* ── A small site with something in every part ── */

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
static const char *const client[] = {"192.0.2.1",    "192.0.2.200", "198.51.100.1",
                                     "203.0.113.1",  "0.0.0.0",     "255.255.255.255",
                                     "2001:db8::17", "::",          "ffff:ffff::"};

static struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_int_equal(prefix_parse(str_from(text), &p), PREFIX_OK);
    return p;
}

struct image {
    unsigned char *data;
    size_t size;
};

static struct image build(void)
{
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

static struct image copy(const struct image *of, size_t size)
{
    struct image image = {malloc(size > 0 ? size : 1), size};
    memset(image.data, 0, size > 0 ? size : 1);
    memcpy(image.data, of->data, size < of->size ? size : of->size);
    return image;
}

static struct image_header *header(const struct image *image)
{
    return (struct image_header *)(void *)image->data;
}

/* So that it is what lies behind the checksum that is looked at. */
static void seal(const struct image *image)
{
    header(image)->checksum = image_checksum(header(image), image->size);
}

/* ── What an accepted one must survive ── */

static void check_location(struct str location, size_t room)
{
    assert_true(location.len <= room);
    for (size_t i = 0; i < location.len; i++)
        assert_true(location.data[i] >= 0x20 && location.data[i] <= 0x7e);
}

static void decide_all(const struct snapshot *s, const struct addr *from, const char *target)
{
    size_t size = DECIDE_BUFFER_SIZE(s, strlen(target));
    struct decide_request request = {
        .method = DECIDE_GET, .target = str_from(target), .buffer = malloc(size), .size = size};
    for (int present = 0; present < 3; present++) {
        struct decision d;
        enum decide_next next = decide_begin(s, &request, from, &d);
        for (int asked = 0; next == DECIDE_ASK; asked++) {
            assert_true(d.ask_store < s->n_stores);
            assert_true(asked <= (int)UINT16_MAX);
            next = decide_resume(&d, asked == present ? DECIDE_PRESENT : DECIDE_UNKNOWN);
        }
        assert_true(d.answer.network < s->n_networks);
        check_location(d.answer.location, size);
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
    };
    for (size_t i = 0; i < N(client); i++) {
        struct addr a;
        assert_true(addr_parse(str_from(client[i]), &a));
        decide_all(s, &a, target[(i + random_number()) % N(target)]);
        decide_all(s, &a, target[N(target) - 1]);
    }
    for (uint32_t i = 0; i < s->n_sources; i++)
        check_location(snapshot_source(s, i).name, SNAPSHOT_URL_MAX);
    for (uint32_t i = 0; i < s->n_stores; i++)
        check_location(snapshot_store(s, i).objects, SNAPSHOT_URL_MAX);
    for (uint32_t i = 0; i < s->n_networks; i++)
        check_location(snapshot_network(s, i).region, SNAPSHOT_URL_MAX);
}

/* ── Damage ── */

static void put32(const struct image *image, size_t at, uint32_t value)
{
    memcpy(image->data + at, &value, sizeof(value));
}

/* A bit, a byte, or an integer that is extreme or near to what is right. */
static void damage(const struct image *image)
{
    static const uint32_t extreme[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8};
    uint64_t r = random_number();
    /* Half of them in the header, where it hurts most. */
    size_t most = r % 2 == 0 ? image->size : sizeof(struct image_header);
    size_t at = (size_t)(random_number() % most);
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
        for (uint64_t times = random_number() % 3 + 1; times > 0; times--)
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

/* ── The reasons ── */

typedef void change(const struct image *image);

static void no_magic(const struct image *i)
{
    header(i)->magic[0] = 'A';
}
static void other_order(const struct image *i)
{
    header(i)->order = UINT32_C(0x04030201);
}
static void other_version(const struct image *i)
{
    header(i)->version = SNAPSHOT_VERSION + 1;
}
static void other_size(const struct image *i)
{
    header(i)->size++;
}
static void part_in_header(const struct image *i)
{
    header(i)->part[IMAGE_TEXT].offset = 8;
}
static void part_unaligned(const struct image *i)
{
    header(i)->part[IMAGE_STORES].offset++;
}
static void part_too_long(const struct image *i)
{
    header(i)->part[IMAGE_TABLE].count++;
}
static void part_of_nothing(const struct image *i)
{
    header(i)->part[IMAGE_NETWORKS].count = 0;
}
static void text_with_newline(const struct image *i)
{
    i->data[header(i)->part[IMAGE_TEXT].offset] = '\n';
}
static void text_with_high_byte(const struct image *i)
{
    i->data[header(i)->part[IMAGE_TEXT].offset] = 0x80;
}
static void upstream_outside(const struct image *i)
{
    header(i)->upstream.offset = UINT32_MAX;
}
static void no_upstream(const struct image *i)
{
    header(i)->upstream.len = 0;
}
static void store_outside(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_STORES].offset, UINT32_MAX);
}
static void store_without_objects(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_STORES].offset + offsetof(struct image_store, objects.len), 5);
}
static void network_outside(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_NETWORKS].offset + offsetof(struct image_network, cloud.len),
          SNAPSHOT_URL_MAX + 1);
}
static void candidates_outside(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_NETWORKS].offset + offsetof(struct image_network, n_candidates),
          UINT32_MAX);
}
static void unknown_route(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_NETWORKS].offset + offsetof(struct image_network, match),
          SNAPSHOT_MATCH_REGION + 1);
}
static void candidate_of_no_store(const struct image *i)
{
    i->data[header(i)->part[IMAGE_CANDIDATES].offset] = 0xff;
}
static void source_outside(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_SOURCES].offset + 4, UINT32_MAX);
}

static void test_each_reason_is_said(void **state)
{
    (void)state;
    static const struct {
        change *make;
        const char *why;
    } row[] = {
        {no_magic, "not a snapshot; make one with `archeio compile`"},
        {other_order, "made on a machine of another byte order; compile it anew on this one"},
        {other_version, "made by another version of archeio; compile it anew with this one"},
        {other_size, "truncated or too long: its size is not the one in its header"},
        {part_in_header, "corrupt: a part begins outside"},
        {part_unaligned, "corrupt: a part begins outside"},
        {part_too_long, "corrupt: a part ends outside"},
        {part_of_nothing, "corrupt: the unknown network is missing"},
        {text_with_newline, "corrupt: a text holds a byte that may not stand in a header line"},
        {text_with_high_byte, "corrupt: a text holds a byte that may not stand in a header line"},
        {upstream_outside, "corrupt: the text of a page or upstream lies outside"},
        {no_upstream, "corrupt: the text of a page or upstream lies outside"},
        {store_outside, "corrupt: the text of a store lies outside"},
        {store_without_objects, "corrupt: the text of a store lies outside"},
        {network_outside, "corrupt: a network names what is not there"},
        {candidates_outside, "corrupt: a network names what is not there"},
        {unknown_route, "corrupt: a network names what is not there"},
        {candidate_of_no_store, "corrupt: a network names what is not there"},
        {source_outside, "corrupt: the text of a ranges file lies outside"},
    };
    struct image image = build();
    for (size_t i = 0; i < N(row); i++) {
        struct image changed = copy(&image, image.size);
        struct snapshot s;
        row[i].make(&changed);
        seal(&changed);
        const char *why = snapshot_open(&s, changed.data, changed.size);
        assert_non_null(why);
        assert_string_equal(why, row[i].why);
        free(changed.data);
    }
    free(image.data);
}

static void test_more_stores_than_there_may_be_are_refused(void **state)
{
    (void)state;
    struct image image = build();
    size_t at = (image.size + 7) / 8 * 8;
    struct image many = copy(&image, at + (SNAPSHOT_STORES_MAX + 1) * sizeof(struct image_store));
    struct snapshot s;
    header(&many)->size = many.size;
    header(&many)->part[IMAGE_STORES] = (struct image_span){(uint32_t)at, SNAPSHOT_STORES_MAX + 1};
    seal(&many);
    assert_string_equal(snapshot_open(&s, many.data, many.size),
                        "corrupt: too many stores, networks, upstreams, routes or fields");
    free(many.data);
    free(image.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_reason_is_said),
        cmocka_unit_test(test_more_stores_than_there_may_be_are_refused),
        cmocka_unit_test(test_any_changed_bit_is_refused),
        cmocka_unit_test(test_an_image_that_is_cut_or_longer_is_refused),
        cmocka_unit_test(test_a_damaged_image_is_refused_or_harmless),
    };
    print_message("seed %#llx\n", (unsigned long long)SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
