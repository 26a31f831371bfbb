#include "mirror/blob_set.h"

#include "check.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define MANY 700000 /* more than there is memory for */

static struct digest digest_of(uint64_t number, bool long_one)
{
    struct digest d = {.algorithm = long_one ? DIGEST_SHA512 : DIGEST_SHA256,
                       .size = long_one ? 64 : 32};
    for (size_t i = 0; i < d.size / 8; i++) {
        uint64_t word = (number + 1) * 0x9e3779b97f4a7c15U + i * 0xbf58476d1ce4e5b9U;
        memcpy(d.bytes + 8 * i, &word, 8);
    }
    return d;
}

static struct blob_set *make(size_t n, size_t n_long)
{
    struct blob_set *b = blob_set_new();
    for (size_t i = 0; i < n + n_long; i++) {
        struct digest d = digest_of(i, i >= n);
        blob_set_add(b, &d);
        if (i % 7 == 0)
            blob_set_add(b, &d);
    }
    return b;
}

/* The whole set, read in pieces of that size. */
static char *read_set(struct blob_set *b, size_t size, size_t piece)
{
    char *set = malloc(size + piece);
    size_t len = 0, n = piece;
    assert_int_equal(blob_set_rewind(b), 0);
    for (; n > 0; len += n) {
        n = piece;
        assert_in_range(len, 0, size);
        assert_int_equal(blob_set_read(b, set + len, &n), 0);
    }
    assert_int_equal(len, size);
    return set;
}

static void check_set(size_t n, size_t n_long, size_t piece)
{
    uint64_t count[BLOB_INDEX_KINDS];
    struct digest object;
    struct blob_index index;
    uint8_t hash[32];
    struct blob_set *b = make(n, n_long);
    assert_int_equal(blob_set_close(b, count, &object), 0);
    assert_int_equal(count[0], n);
    assert_int_equal(count[1], n_long);
    size_t size = blob_index_size(count);
    char *set = read_set(b, size, piece);
    uint32_t *guide = malloc(blob_index_guide_size(size));
    assert_null(blob_index_open(&index, set, size, guide));
    for (size_t i = 0; i < n + n_long; i++) {
        struct digest d = digest_of(i, i >= n);
        assert_true(blob_index_has(&index, &d));
    }
    EVP_Digest(set, size, hash, NULL, EVP_sha256(), NULL);
    assert_memory_equal(object.bytes, hash, 32);
    free(set);
    set = read_set(b, size, 4096);
    EVP_Digest(set, size, hash, NULL, EVP_sha256(), NULL);
    assert_memory_equal(object.bytes, hash, 32);
    free(set);
    free(guide);
    blob_set_free(b);
}

static void the_set_is_of_what_was_added_in_pieces_of_any_size(void **state)
{
    (void)state;
    check_set(0, 0, 100);
    check_set(1, 0, 1);
    check_set(0, 1, 63);
    check_set(10, 10, 7);
    check_set(1000, 100, 65536);
}

static void more_than_there_is_memory_for_makes_the_same_set(void **state)
{
    (void)state;
    check_set(MANY, 10, 100000);
}

static void what_could_not_be_kept_is_no_set(void **state)
{
    uint64_t count[BLOB_INDEX_KINDS];
    struct digest object;
    (void)state;
    setenv("TMPDIR", "/nowhere", 1);
    struct blob_set *b = make(MANY, 0);
    assert_int_equal(blob_set_close(b, count, &object), ENOENT);
    blob_set_free(b);
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_is_of_what_was_added_in_pieces_of_any_size),
        cmocka_unit_test(more_than_there_is_memory_for_makes_the_same_set),
        cmocka_unit_test(what_could_not_be_kept_is_no_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
