#include "mirror/digests.h"

#include "check.h"

#define N 50000

static struct digest digest_of(uint64_t n)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    memcpy(d.bytes, &n, sizeof(n));
    return d;
}

static void each_digest_has_one_entry_that_stays_where_it_is(void **state)
{
    static struct digests_entry *entry[N];
    struct digests d = {.n = 0};
    bool is_new;
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        const struct digest digest = digest_of(i);
        assert_null(digests_find(&d, &digest));
        entry[i] = digests_add(&d, &digest, &is_new);
        assert_non_null(entry[i]);
        assert_true(is_new);
        assert_int_equal(entry[i]->size, 0);
        entry[i]->size = (int64_t)i;
    }
    assert_int_equal(d.n, N);
    for (uint64_t i = 0; i < N; i++) {
        const struct digest digest = digest_of(i);
        assert_ptr_equal(digests_add(&d, &digest, &is_new), entry[i]);
        assert_false(is_new);
        assert_ptr_equal(digests_find(&d, &digest), entry[i]);
        assert_ptr_equal(digests_at(&d, i), entry[i]);
        assert_int_equal(entry[i]->size, i);
    }
    assert_int_equal(d.n, N);
    digests_clear(&d);
    assert_int_equal(d.n, 0);
}

static void algorithms_are_told_apart(void **state)
{
    struct digests d = {.n = 0};
    struct digest a = digest_of(1), b = digest_of(1);
    bool is_new;
    (void)state;
    b.algorithm = DIGEST_SHA512;
    b.size = 64;
    assert_ptr_not_equal(digests_add(&d, &a, &is_new), digests_add(&d, &b, &is_new));
    assert_true(is_new);
    digests_clear(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_digest_has_one_entry_that_stays_where_it_is),
        cmocka_unit_test(algorithms_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
