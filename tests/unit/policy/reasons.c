/*
 * Why a snapshot image is refused: one thing of a good one is changed, and the reason says it.
 */
#include "policy/site.h"

/* ── Of the steps ── */

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
/* The text, which begins with "https://", without its first n bytes. */
static void cut_url(const struct image *i, struct image_text t, size_t n)
{
    memset(i->data + header(i)->part[IMAGE_TEXT].offset + t.offset, '/', n);
}
static void page_without_scheme(const struct image *i)
{
    cut_url(i, header(i)->info_page, 4);
}
static void upstream_without_host(const struct image *i)
{
    cut_url(i, header(i)->upstream, 9);
}
static void upstream_of_a_scheme(const struct image *i)
{
    header(i)->upstream.len = sizeof("https://") - 1;
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
static void unknown_match(const struct image *i)
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

/* ── Of routes ── */

static size_t element(const struct image *i, enum image_part part, size_t n, size_t size)
{
    return header(i)->part[part].offset + n * size;
}
#define MEMBER(i, part, type, member)                                                              \
    (element(i, part, 0, sizeof(struct type)) + offsetof(struct type, member))

static void upstream_without_registry(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_UPSTREAMS, image_upstream, registry.len), 0);
}
static void upstream_without_endpoint(const struct image *i)
{
    put32(i, header(i)->part[IMAGE_UPSTREAMS].offset + offsetof(struct image_upstream, endpoint),
          0);
}
static void endpoint_behind_registry(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_UPSTREAMS, image_upstream, endpoint), 100);
}
static void no_routes(const struct image *i)
{
    header(i)->part[IMAGE_ROUTES].count = 0;
}
static void fewer_routes(const struct image *i)
{
    header(i)->part[IMAGE_ROUTES].count = ROUTES - 2;
}
static void route_without_its_bit(const struct image *i)
{
    put32(i, element(i, IMAGE_ROWS, 1, sizeof(uint64_t)), 4);
}
static void route_missing_in_the_first_row(const struct image *i)
{
    put32(i, element(i, IMAGE_ROWS, 0, sizeof(uint64_t)), 0xfffffffe);
}
static void last_route_missing_in_the_first_row(const struct image *i)
{
    put32(i, element(i, IMAGE_ROWS, 1, sizeof(uint64_t)), 0);
}
static void part_of_a_row(const struct image *i)
{
    header(i)->part[IMAGE_ROWS].count--;
}
static void no_rows(const struct image *i)
{
    header(i)->part[IMAGE_ROWS].count = 0;
}
static void networks_row(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_NETWORKS, image_network, row), 1000);
}
static void methods_row(const struct image *i)
{
    header(i)->method_row[DECIDE_HEAD] = UINT32_MAX;
}
static void kinds_row(const struct image *i)
{
    header(i)->kind_row[IMAGE_KINDS - 1] = 1000;
}
static void others_row(const struct image *i)
{
    header(i)->path.others = 1000;
}
static void column_behind_literals(const struct image *i)
{
    header(i)->host.count = UINT32_MAX;
}
static void column_before_literals(const struct image *i)
{
    header(i)->repository.first = UINT32_MAX;
}
static void unused_column_with_literals(const struct image *i)
{
    header(i)->host.used = 0;
}
static void literal_outside(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_LITERALS, image_literal, text.offset), UINT32_MAX);
}
static void literals_row(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_LITERALS, image_literal, equal), 1000);
}
static void literals_longer_row(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_LITERALS, image_literal, longer), 1000);
}
static void literal_that_is_its_parent(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_LITERALS, image_literal, parent), 1);
}
static void literal_with_another_key(const struct image *i)
{
    i->data[MEMBER(i, IMAGE_LITERALS, image_literal, key)] ^= 1;
}
static void literals_that_share_less(const struct image *i)
{
    header(i)->path.shared = 100;
}
static void literals_that_share_more(const struct image *i)
{
    header(i)->host.shared++;
}
static void literals_in_disorder(const struct image *i)
{
    struct image_literal literal[2];
    unsigned char *at = i->data + element(i, IMAGE_LITERALS, 0, sizeof(literal[0]));
    memcpy(literal, at, sizeof(literal));
    memcpy(at, &literal[1], sizeof(literal[1]));
    memcpy(at + sizeof(literal[1]), &literal[0], sizeof(literal[0]));
}
static void literal_twice(const struct image *i)
{
    unsigned char *at = i->data + element(i, IMAGE_LITERALS, 0, sizeof(struct image_literal));
    memcpy(at + sizeof(struct image_literal), at, sizeof(struct image_literal));
}
static void field_without_name(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_FIELDS, image_field, name.len), 0);
}
static void fields_column(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_FIELDS, image_field, column.others), 1000);
}
static void route_name_outside(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_ROUTES, image_route, name.len), SNAPSHOT_URL_MAX + 1);
}
static void targets_outside(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_ROUTES, image_route, n_targets), UINT32_MAX);
}
static void paths_outside(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_ROUTES, image_route, paths), 1000);
}
static void repositories_outside(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_ROUTES, image_route, n_repositories), 1000);
}
static void pattern_outside(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_PATTERNS, image_pattern, text.offset), UINT32_MAX);
}
static void target_of_no_kind(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_TARGETS, image_target, kind), SNAPSHOT_TARGET_KINDS);
}
static void target_of_no_store(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_TARGETS, image_target, index), N(store));
}
static void target_of_no_upstream(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_TARGETS, image_target, kind), SNAPSHOT_TARGET_UPSTREAM);
}
static void target_of_no_url(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_TARGETS, image_target, kind), SNAPSHOT_TARGET_URL);
}
static void target_of_no_status(const struct image *i)
{
    put32(i, MEMBER(i, IMAGE_TARGETS, image_target, kind), SNAPSHOT_TARGET_ANSWER);
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
        {upstream_outside, "corrupt: the text of a page or upstream lies outside, or is no URL"},
        {no_upstream, "corrupt: the text of a page or upstream lies outside, or is no URL"},
        {page_without_scheme, "corrupt: the text of a page or upstream lies outside, or is no URL"},
        {upstream_without_host,
         "corrupt: the text of a page or upstream lies outside, or is no URL"},
        {upstream_of_a_scheme,
         "corrupt: the text of a page or upstream lies outside, or is no URL"},
        {store_outside, "corrupt: the text of a store lies outside, or is no URL"},
        {store_without_objects, "corrupt: the text of a store lies outside, or is no URL"},
        {network_outside, "corrupt: a network names what is not there"},
        {candidates_outside, "corrupt: a network names what is not there"},
        {unknown_match, "corrupt: a network names what is not there"},
        {candidate_of_no_store, "corrupt: a network names what is not there"},
        {source_outside, "corrupt: the text of a ranges file lies outside"},
        {upstream_without_registry, "corrupt: the text of an upstream lies outside, or is no URL"},
        {upstream_without_endpoint, "corrupt: the text of an upstream lies outside, or is no URL"},
        {endpoint_behind_registry, "corrupt: the text of an upstream lies outside, or is no URL"},
        {no_routes, "corrupt: there is what selects routes, and no route"},
        {fewer_routes,
         "corrupt: a set of routes holds one that is not there, or the set of all lacks one"},
        {route_without_its_bit,
         "corrupt: a set of routes holds one that is not there, or the set of all lacks one"},
        {route_missing_in_the_first_row,
         "corrupt: a set of routes holds one that is not there, or the set of all lacks one"},
        {last_route_missing_in_the_first_row,
         "corrupt: a set of routes holds one that is not there, or the set of all lacks one"},
        {part_of_a_row, "corrupt: what selects a route lies outside"},
        {no_rows, "corrupt: what selects a route lies outside"},
        {networks_row, "corrupt: what selects a route lies outside"},
        {methods_row, "corrupt: what selects a route lies outside"},
        {kinds_row, "corrupt: what selects a route lies outside"},
        {others_row, "corrupt: what selects a route lies outside"},
        {column_behind_literals, "corrupt: what selects a route lies outside"},
        {column_before_literals, "corrupt: what selects a route lies outside"},
        {unused_column_with_literals, "corrupt: what selects a route lies outside"},
        {literal_outside, "corrupt: what selects a route lies outside"},
        {literals_row, "corrupt: what selects a route lies outside"},
        {literals_longer_row, "corrupt: what selects a route lies outside"},
        {literal_that_is_its_parent, "corrupt: what selects a route lies outside"},
        {literal_with_another_key, "corrupt: what selects a route lies outside"},
        {literals_that_share_less, "corrupt: what selects a route lies outside"},
        {literals_that_share_more, "corrupt: what selects a route lies outside"},
        {literals_in_disorder, "corrupt: what selects a route lies outside"},
        {literal_twice, "corrupt: what selects a route lies outside"},
        {field_without_name, "corrupt: what selects a route lies outside"},
        {fields_column, "corrupt: what selects a route lies outside"},
        {route_name_outside, "corrupt: a route names what is not there"},
        {targets_outside, "corrupt: a route names what is not there"},
        {paths_outside, "corrupt: a route names what is not there"},
        {repositories_outside, "corrupt: a route names what is not there"},
        {pattern_outside, "corrupt: a route names what is not there"},
        {target_of_no_kind, "corrupt: a route names what is not there"},
        {target_of_no_store, "corrupt: a route names what is not there"},
        {target_of_no_upstream, "corrupt: a route names what is not there"},
        {target_of_no_url, "corrupt: a route names what is not there"},
        {target_of_no_status, "corrupt: a route names what is not there"},
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
