#include "mirror/catalog.h"

#include "check.h"

static struct digest digest_number(uint8_t n)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    memset(d.bytes, n, 32);
    return d;
}

static int set_up(void **state)
{
    *state = catalog_new();
    return *state == NULL;
}

static int tear_down(void **state)
{
    catalog_free(*state);
    return 0;
}

static uint32_t name(struct catalog *c, uint8_t n, int64_t size)
{
    bool first;
    struct digest d = digest_number(n);
    uint32_t number = catalog_blob(c, &d, size, catalog_repository(c, STR("app")), &first);
    assert_int_not_equal(number, UINT32_MAX);
    return number;
}

static struct catalog_blob read_one(struct catalog *c, uint32_t number)
{
    struct catalog_blob b;
    catalog_read_blob(c, number, &b);
    return b;
}

static void list(struct catalog *c, uint8_t n, unsigned store, int64_t size)
{
    struct digest d = digest_number(n);
    assert_true(catalog_listed(c, &d, store, size));
}

static void count(void *owner, const struct digest *manifest)
{
    (void)manifest;
    ++*(size_t *)owner;
}

static size_t unrecorded(struct catalog *c, unsigned store)
{
    size_t n = 0;
    catalog_each_unrecorded(c, store, count, &n);
    return n;
}

static void a_manifest_is_read_by_who_claims_it_first_and_may_fail(void **state)
{
    struct digest d = digest_number(1);
    assert_int_equal(catalog_claim(*state, &d), CATALOG_NEW);
    assert_int_equal(catalog_claim(*state, &d), CATALOG_BUSY);
    catalog_unclaim(*state, &d);
    assert_int_equal(catalog_claim(*state, &d), CATALOG_NEW);
    assert_true(catalog_image(*state, &d, &(struct catalog_image){.repository = 0}));
    assert_int_equal(catalog_claim(*state, &d), CATALOG_KNOWN);
}

static void a_record_claims_no_manifest(void **state)
{
    struct digest d = digest_number(1);
    assert_true(catalog_recorded(*state, &d, 0));
    assert_int_equal(catalog_claim(*state, &d), CATALOG_NEW);
}

static void a_blob_is_named_first_once(void **state)
{
    bool first;
    struct digest d = digest_number(1);
    uint32_t a = catalog_blob(*state, &d, 5, catalog_repository(*state, STR("one")), &first);
    assert_true(first);
    assert_int_equal(catalog_blob(*state, &d, 5, catalog_repository(*state, STR("two")), &first),
                     a);
    assert_false(first);
    assert_int_equal(read_one(*state, a).repository, catalog_repository(*state, STR("one")));
}

static void what_a_store_lists_it_has(void **state)
{
    list(*state, 1, 0, 5);
    list(*state, 1, 2, 5);
    struct catalog_blob b = read_one(*state, name(*state, 1, 5));
    assert_int_equal(b.have, 5);
    assert_int_equal(b.wrong, 0);
}

static void another_size_than_the_manifests_is_wrong(void **state)
{
    list(*state, 1, 0, 4);
    struct catalog_blob b = read_one(*state, name(*state, 1, 5));
    assert_int_equal(b.have, 0);
    assert_int_equal(b.wrong, 1);
    assert_int_equal(b.size, 5);
}

/* Whichever was listed first. */
static void of_stores_that_differ_each_is_judged_by_the_manifest(void **state)
{
    for (uint8_t right = 0; right < 3; right++) {
        for (unsigned s = 0; s < 3; s++)
            list(*state, right, s, s == right ? 10 : (int64_t)s);
        struct catalog_blob b = read_one(*state, name(*state, right, 10));
        assert_int_equal(b.have, 1U << right);
        assert_int_equal(b.wrong, 7U & ~(1U << right));
        for (unsigned s = 0; s < 3; s++)
            if (s != right)
                assert_int_equal(catalog_wrong_size(*state, &b.digest, s), s);
    }
}

static void what_is_listed_again_counts_as_it_was_listed_last(void **state)
{
    list(*state, 1, 0, 4);
    uint32_t number = name(*state, 1, 10);
    list(*state, 1, 0, 10);
    struct catalog_blob b = read_one(*state, number);
    assert_int_equal(b.have, 1);
    assert_int_equal(b.wrong, 0);
}

static void a_size_that_no_manifest_says_is_the_stores(void **state)
{
    list(*state, 1, 0, 4);
    struct catalog_blob b = read_one(*state, name(*state, 1, -1));
    assert_int_equal(b.have, 1);
    assert_int_equal(b.size, 4);
}

static void add_image(struct catalog *c, uint8_t n, const struct catalog_need *need, size_t n_needs)
{
    struct digest d = digest_number(n);
    const struct catalog_image image = {
        .repository = catalog_repository(c, STR("app")), .need = need, .n_needs = n_needs};
    assert_true(catalog_image(c, &d, &image));
}

static void add_index(struct catalog *c, uint8_t n, uint8_t child, bool partial)
{
    struct digest d = digest_number(n), children[] = {digest_number(child)};
    const struct catalog_image image = {.child = children, .n_children = 1, .partial = partial};
    assert_true(catalog_image(c, &d, &image));
}

static void an_image_lacks_its_record_once_its_blobs_are_there(void **state)
{
    struct digest d = digest_number(9);
    const struct catalog_need need[] = {{name(*state, 1, 5), 5}, {name(*state, 2, 5), -1}};
    add_image(*state, 9, need, 2);
    catalog_copied(*state, need[0].blob, 0);
    assert_int_equal(unrecorded(*state, 0), 0);
    catalog_copied(*state, need[1].blob, 0);
    assert_int_equal(unrecorded(*state, 0), 1);
    assert_int_equal(unrecorded(*state, 1), 0);
    assert_true(catalog_recorded(*state, &d, 0));
    assert_int_equal(unrecorded(*state, 0), 0);
}

/* Whichever of them was read first, and however deep they lie. */
static void an_index_lacks_its_record_once_the_blobs_of_all_below_it_are_there(void **state)
{
    const struct catalog_need need = {name(*state, 1, 5), 5};
    add_index(*state, 13, 12, false);
    add_index(*state, 11, 9, false);
    add_index(*state, 12, 11, false);
    assert_int_equal(unrecorded(*state, 0), 0); /* what lies below has not been read */
    add_image(*state, 9, &need, 1);
    assert_int_equal(unrecorded(*state, 0), 0);
    catalog_copied(*state, need.blob, 0);
    assert_int_equal(unrecorded(*state, 0), 4);
    add_index(*state, 14, 9, true);
    assert_int_equal(unrecorded(*state, 0), 4);
}

static void an_image_is_added_once(void **state)
{
    const struct catalog_need need = {name(*state, 1, 5), 5};
    add_image(*state, 9, &need, 1);
    add_image(*state, 9, &need, 1);
    catalog_copied(*state, need.blob, 0);
    assert_int_equal(unrecorded(*state, 0), 1);
}

static void count_lie(void *owner, const struct catalog_lie *lie)
{
    assert_int_equal(lie->said, 6);
    assert_int_equal(lie->size, 5);
    ++*(size_t *)owner;
}

static void a_store_is_believed_that_says_what_another_manifest_says(void **state)
{
    size_t lies = 0;
    list(*state, 1, 0, 5);
    const struct catalog_need liar = {name(*state, 1, 6), 6};
    assert_int_equal(read_one(*state, liar.blob).wrong, 1);
    const struct catalog_need honest = {name(*state, 1, 5), 5};
    assert_int_equal(honest.blob, liar.blob);
    struct catalog_blob b = read_one(*state, honest.blob);
    assert_int_equal(b.have, 1);
    assert_int_equal(b.wrong, 0);
    assert_int_equal(b.size, 5);
    add_image(*state, 8, &liar, 1);
    add_image(*state, 9, &honest, 1);
    assert_int_equal(unrecorded(*state, 0), 1);
    catalog_each_lie(*state, count_lie, &lies);
    assert_int_equal(lies, 1);
}

static void count_number(void *owner, uint32_t number)
{
    (void)number;
    ++*(size_t *)owner;
}

static size_t elsewhere(struct catalog *c)
{
    size_t n = 0;
    catalog_each_elsewhere(c, count_number, &n);
    return n;
}

static void a_blob_that_cannot_be_had_is_looked_for_where_other_images_name_it(void **state)
{
    bool first;
    struct digest d = digest_number(1);
    const char *const names[] = {"a", "a", "b", "b"};
    const int64_t sizes[] = {5, 5, 5, 6};
    uint32_t number = UINT32_MAX;
    for (uint8_t i = 0; i < 4; i++) {
        uint32_t repository = catalog_repository(*state, str_from(names[i]));
        number = catalog_blob(*state, &d, sizes[i], repository, &first);
        struct digest manifest = digest_number((uint8_t)(10 + i));
        const struct catalog_need need = {number, sizes[i]};
        const struct catalog_image image = {repository, &need, 1, NULL, 0, false};
        assert_true(catalog_image(*state, &manifest, &image));
    }
    assert_int_equal(elsewhere(*state), 0);
    catalog_failed(*state, number);
    assert_int_equal(elsewhere(*state), 1);
    struct catalog_blob b = read_one(*state, number);
    check_str(catalog_repository_name(*state, b.repository), "b");
    assert_int_equal(b.size, 5);
    assert_int_equal(elsewhere(*state), 0); /* it has not failed there yet */
    catalog_failed(*state, number);
    assert_int_equal(elsewhere(*state), 1);
    assert_int_equal(read_one(*state, number).size, 6);
    catalog_failed(*state, number);
    assert_int_equal(elsewhere(*state), 0);
}

static void sums_count_what_is_named_alone(void **state)
{
    struct catalog_sums sums;
    list(*state, 1, 0, 5);
    list(*state, 3, 0, 50); /* nobody needs it */
    name(*state, 1, 5);
    name(*state, 2, 7);
    catalog_sum(*state, 2, &sums);
    assert_int_equal(sums.blobs, 2);
    assert_int_equal(sums.bytes, 12);
    assert_int_equal(sums.missing[0], 1);
    assert_int_equal(sums.missing_bytes[0], 7);
    assert_int_equal(sums.missing[1], 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_is_read_by_who_claims_it_first_and_may_fail),
        TEST(a_record_claims_no_manifest),
        TEST(a_blob_is_named_first_once),
        TEST(what_a_store_lists_it_has),
        TEST(another_size_than_the_manifests_is_wrong),
        TEST(of_stores_that_differ_each_is_judged_by_the_manifest),
        TEST(what_is_listed_again_counts_as_it_was_listed_last),
        TEST(a_size_that_no_manifest_says_is_the_stores),
        TEST(an_image_lacks_its_record_once_its_blobs_are_there),
        TEST(an_index_lacks_its_record_once_the_blobs_of_all_below_it_are_there),
        TEST(an_image_is_added_once),
        TEST(a_store_is_believed_that_says_what_another_manifest_says),
        TEST(a_blob_that_cannot_be_had_is_looked_for_where_other_images_name_it),
        TEST(sums_count_what_is_named_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
