#include "exist/cache.h"

#include "check.h"
#include "sys/clock.h"

#define NOW (1000 * CLOCK_S)
#define LATER (NOW + 3600 * CLOCK_S)

static struct cache cache;

static int open_cache(void **state)
{
    (void)state;
    return cache_open(&cache, 1, 1 << 20) ? 0 : -1;
}

static int close_cache(void **state)
{
    (void)state;
    cache_close(&cache);
    return 0;
}

static struct key make(uint64_t n, uint8_t size)
{
    struct key key = {.digest = {.size = size}};
    key.digest.algorithm = size == 32 ? DIGEST_SHA256 : DIGEST_SHA512;
    memcpy(key.digest.bytes, &n, sizeof(n));
    key.hash = key_hash(1, 0, &key.digest);
    return key;
}

static struct key make_of_path(uint64_t n)
{
    struct key key = make(n, 32);
    key.digest.algorithm = DIGEST_OTHER;
    return key;
}

static void put(const struct key *key, enum exist_state state)
{
    cache_put(&cache, key, state, LATER, NOW);
}

static void a_key_has_one_state(void **state)
{
    (void)state;
    static const enum exist_state order[] = {EXIST_ERROR, EXIST_ABSENT, EXIST_PRESENT, EXIST_ABSENT,
                                             EXIST_PRESENT};
    for (uint8_t size = 32; size <= 64; size = (uint8_t)(size + 32)) {
        const struct key key = make(1, size);
        for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
            put(&key, order[i]);
            assert_int_equal(cache_find(&cache, 0, &key, NOW), order[i]);
            assert_int_equal(cache_entries(cache.present), order[i] == EXIST_PRESENT);
            assert_int_equal(cache_entries(cache.absent), order[i] != EXIST_PRESENT);
        }
        cache_put(&cache, &key, EXIST_PRESENT, NOW, NOW);
        assert_int_equal(cache_find(&cache, 0, &key, NOW), EXIST_MISS);
        cache_close(&cache);
        assert_true(cache_open(&cache, 1, 1 << 20));
    }
}

static void the_two_algorithms_do_not_mix(void **state)
{
    (void)state;
    const struct key short_key = make(1, 32), long_key = make(1, 64);
    put(&short_key, EXIST_PRESENT);
    assert_int_equal(cache_find(&cache, 0, &long_key, NOW), EXIST_MISS);
    put(&long_key, EXIST_ABSENT);
    assert_int_equal(cache_find(&cache, 0, &short_key, NOW), EXIST_PRESENT);
}

static void an_error_does_not_displace_what_is_known(void **state)
{
    (void)state;
    const struct key a = make(1, 32), b = make(2, 32), c = make(3, 32);
    put(&a, EXIST_PRESENT);
    put(&b, EXIST_ABSENT);
    put(&a, EXIST_ERROR);
    put(&b, EXIST_ERROR);
    put(&c, EXIST_ERROR);
    assert_int_equal(cache_peek(&cache, &a, NOW), EXIST_PRESENT);
    assert_int_equal(cache_peek(&cache, &b, NOW), EXIST_ABSENT);
    assert_int_equal(cache_peek(&cache, &c, NOW), EXIST_ERROR);
}

static void unknown_digests_evict_nothing_that_is_present(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        const struct key key = make(i, 32);
        put(&key, EXIST_PRESENT);
    }
    for (uint64_t i = 1000; i < 200000; i++) {
        const struct key key = make(i, i % 2 == 0 ? 32 : 64);
        put(&key, i % 3 == 0 ? EXIST_ERROR : EXIST_ABSENT);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        const struct key key = make(i, 32);
        assert_int_equal(cache_find(&cache, 0, &key, NOW), EXIST_PRESENT);
    }
    assert_int_equal(cache_entries(cache.present), 1000);
    assert_true(cache_evictions(&cache) > 100000);
}

static void paths_evict_nothing_that_is_known_of_blobs(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        const struct key key = make(i, 32);
        put(&key, i % 2 == 0 ? EXIST_PRESENT : EXIST_ABSENT);
    }
    for (uint64_t i = 0; i < 100000; i++) {
        const struct key key = make_of_path(i);
        put(&key, i % 2 == 0 ? EXIST_ABSENT : EXIST_PRESENT);
        assert_int_equal(cache_find(&cache, 0, &key, NOW),
                         i % 2 == 0 ? EXIST_ABSENT : EXIST_PRESENT);
    }
    for (uint64_t i = 0; i < 100; i++) {
        const struct key key = make(i, 32);
        assert_int_equal(cache_find(&cache, 0, &key, NOW),
                         i % 2 == 0 ? EXIST_PRESENT : EXIST_ABSENT);
    }
    assert_true(cache_evictions(&cache) > 50000);
}

static void what_one_store_has_can_be_forgotten(void **state)
{
    (void)state;
    struct key key[3] = {make(1, 32), make(2, 64), make(3, 32)};
    key[2].store = 1;
    for (size_t i = 0; i < 3; i++)
        put(&key[i], EXIST_PRESENT);
    cache_forget(&cache, 0, NOW);
    assert_int_equal(cache_find(&cache, 0, &key[0], NOW), EXIST_MISS);
    assert_int_equal(cache_find(&cache, 0, &key[1], NOW), EXIST_MISS);
    assert_int_equal(cache_find(&cache, 0, &key[2], NOW), EXIST_PRESENT);
    assert_int_equal(cache_entries(cache.present), 1);
}

static uint64_t bytes_of_absent(void)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < CACHE_TABLES; i++)
        n += cache.absent[i].bytes;
    return n;
}

static void a_quarter_of_the_memory_is_for_what_is_not_present(void **state)
{
    (void)state;
    assert_true(bytes_of_absent() <= (1 << 20) / 4);
    assert_true(bytes_of_absent() >= (1 << 20) / 4 - 3 * 4096);
    assert_true(cache_bytes(&cache) <= 1 << 20);
    assert_true(cache_bytes(&cache) >= (1 << 20) - 6 * 4096);
}

static void a_cache_lies_where_it_is_placed_and_keeps_to_its_shares(void **state)
{
    (void)state;
    static _Alignas(256) unsigned char memory[CACHE_PLACE_MIN + 256];
    assert_true(cache_place(&cache, 1, memory, CACHE_PLACE_MIN));
    assert_true(bytes_of_absent() <= CACHE_PLACE_MIN / 4);
    assert_true(cache_bytes(&cache) <= CACHE_PLACE_MIN);
    for (uint64_t i = 0; i < 5000; i++) {
        const struct key present = make(2 * i, i % 2 ? 32 : 64);
        const struct key unknown = make(2 * i + 1, i % 2 ? 32 : 64);
        put(&present, EXIST_PRESENT);
        put(&unknown, EXIST_ABSENT);
        assert_int_equal(cache_find(&cache, 0, &present, NOW), EXIST_PRESENT);
        assert_int_equal(cache_find(&cache, 0, &unknown, NOW), EXIST_ABSENT);
    }
    for (size_t i = CACHE_PLACE_MIN; i < sizeof(memory); i++)
        assert_int_equal(memory[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_has_one_state, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(the_two_algorithms_do_not_mix, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(an_error_does_not_displace_what_is_known, open_cache,
                                        close_cache),
        cmocka_unit_test_setup_teardown(unknown_digests_evict_nothing_that_is_present, open_cache,
                                        close_cache),
        cmocka_unit_test_setup_teardown(paths_evict_nothing_that_is_known_of_blobs, open_cache,
                                        close_cache),
        cmocka_unit_test_setup_teardown(what_one_store_has_can_be_forgotten, open_cache,
                                        close_cache),
        cmocka_unit_test_setup_teardown(a_quarter_of_the_memory_is_for_what_is_not_present,
                                        open_cache, close_cache),
        cmocka_unit_test(a_cache_lies_where_it_is_placed_and_keeps_to_its_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
