#include "check.h"

#include "oci/blob_index.h"
#include <stdlib.h>

static uint64_t random_state = 88172645463325252U;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct digest random_digest(unsigned kind)
{
    struct digest d = {.algorithm = kind == 0 ? DIGEST_SHA256 : DIGEST_SHA512,
                       .size = kind == 0 ? 32 : 64};
    for (size_t i = 0; i < d.size; i += 8) {
        uint64_t word = random_number();
        memcpy(d.bytes + i, &word, 8);
    }
    return d;
}

/* Like random_digest(), but all alike in so many bytes at their beginning. */
static struct digest crowded_digest(unsigned kind, size_t alike)
{
    struct digest d = random_digest(kind);
    memset(d.bytes, 0x5a, alike);
    return d;
}

static int compare(const void *a, const void *b)
{
    const struct digest *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->size);
}

/* A set in memory that ends where its last byte does. */
struct set {
    uint8_t *data;
    size_t size;
    uint64_t count[BLOB_INDEX_KINDS];
};

static struct set make(struct digest *d, size_t n)
{
    struct set s = {.count = {0, 0}};
    struct blob_index_writer w;
    if (n > 0)
        qsort(d, n, sizeof(*d), compare);
    for (size_t i = 0; i < n; i++)
        s.count[d[i].size == 64]++;
    s.size = (size_t)blob_index_size(s.count);
    s.data = malloc(s.size);
    assert_non_null(s.data);
    blob_index_begin(&w, s.count, s.data);
    uint8_t *to = s.data + BLOB_INDEX_HEADER;
    for (size_t i = 0; i < n; i++) {
        assert_true(blob_index_put(&w, &d[i]));
        memcpy(to, d[i].bytes, d[i].size);
        to += d[i].size;
    }
    assert_true(blob_index_end(&w));
    assert_ptr_equal(to, s.data + s.size);
    return s;
}

/* Three of each algorithm. */
static struct set make_small(void)
{
    struct digest d[6];
    for (size_t i = 0; i < 6; i++)
        d[i] = random_digest(i >= 3);
    return make(d, 6);
}

static uint32_t *make_guide(size_t size)
{
    uint32_t *guide = malloc(blob_index_guide_size(size));
    assert_non_null(guide);
    return guide;
}

static const char *problem_of(const void *data, size_t size)
{
    struct blob_index x;
    uint32_t *guide = make_guide(size);
    const char *problem = blob_index_open(&x, data, size, guide);
    free(guide);
    return problem;
}

/* The same, fed in two pieces. */
static const char *problem_of_pieces(const uint8_t *data, size_t size, size_t cut)
{
    struct blob_index_check c;
    blob_index_check_begin(&c);
    const char *problem = blob_index_check_feed(&c, data, cut);
    if (problem == NULL)
        problem = blob_index_check_feed(&c, data + cut, size - cut);
    return problem != NULL ? problem : blob_index_check_end(&c);
}

static void test_the_header_is_what_the_format_says(void **state)
{
    (void)state;
    static const uint8_t want[BLOB_INDEX_HEADER] = {
        'g',  'e', 'r', 'a', 'n', 'o', 's', '\n', 1, 0, 0, 0, 0,  0, 0, 0, 1, 0, 0, 0, 32, 0, 0, 0,
        0x7c, 1,   0,   0,   0,   0,   0,   0,    2, 0, 0, 0, 64, 0, 0, 0, 0, 0, 1, 0, 0,  0, 0, 0};
    const uint64_t count[BLOB_INDEX_KINDS] = {380, 65536};
    struct blob_index_writer w;
    uint8_t got[BLOB_INDEX_HEADER];
    blob_index_begin(&w, count, got);
    assert_memory_equal(got, want, sizeof(want));
    assert_int_equal(blob_index_size(count), 64 + 380 * 32 + 65536 * 64);
}

static void test_an_empty_set_is_an_index_that_has_nothing(void **state)
{
    (void)state;
    struct set s = make(NULL, 0);
    uint32_t *guide = make_guide(s.size);
    struct blob_index x;
    struct digest d = random_digest(0), e = random_digest(1);
    assert_null(blob_index_open(&x, s.data, s.size, guide));
    assert_false(blob_index_has(&x, &d));
    assert_false(blob_index_has(&x, &e));
    free(guide);
    free(s.data);
}

static void look_for_all(struct digest *d, size_t n)
{
    struct set s = make(d, n);
    uint32_t *guide = make_guide(s.size);
    struct blob_index x;
    assert_null(blob_index_open(&x, s.data, s.size, guide));
    assert_int_equal(x.n[0] + x.n[1], n);
    for (size_t i = 0; i < n; i++) {
        struct digest near = d[i];
        assert_true(blob_index_has(&x, &d[i]));
        for (int by = -1; by <= 1; by += 2) {
            near.bytes[near.size - 1] = (uint8_t)(d[i].bytes[near.size - 1] + by);
            assert_int_equal(blob_index_has(&x, &near),
                             bsearch(&near, d, n, sizeof(*d), compare) != NULL);
        }
        near.bytes[0] ^= 0x80;
        assert_int_equal(blob_index_has(&x, &near),
                         bsearch(&near, d, n, sizeof(*d), compare) != NULL);
    }
    free(guide);
    free(s.data);
}

static void test_every_digest_is_found_and_no_other_whatever_the_size(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n++) {
        struct digest d[200];
        for (size_t i = 0; i < n; i++)
            d[i] = random_digest(random_number() % 3 == 0);
        look_for_all(d, n);
    }
}

static void test_every_digest_of_a_large_set_is_found_and_no_other(void **state)
{
    (void)state;
    enum { N = 50000 };
    struct digest *d = calloc(N, sizeof(*d));
    assert_non_null(d);
    for (size_t i = 0; i < N; i++)
        d[i] = random_digest(i % 4 == 0);
    look_for_all(d, N);
    free(d);
}

static void test_digests_that_no_guess_fits_are_found_all_the_same(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct digest *d = calloc(N, sizeof(*d));
    assert_non_null(d);
    for (size_t i = 0; i < N; i++) /* each alike with others in its first bytes, or in all eight */
        d[i] = crowded_digest(i % 2, i % 10);
    look_for_all(d, N);
    for (size_t i = 0; i < N; i++) { /* powers of two */
        d[i] = (struct digest){.algorithm = DIGEST_SHA256, .size = 32};
        d[i].bytes[i % 240 / 8] = (uint8_t)(0x80 >> i % 8);
        d[i].bytes[30] = (uint8_t)(i / 240);
        d[i].bytes[31] = 1;
    }
    look_for_all(d, N);
    for (size_t i = 0; i < 3; i++) { /* the ends of all that there is */
        d[i] = (struct digest){.algorithm = DIGEST_SHA256, .size = 32};
        memset(d[i].bytes, i == 0 ? 0 : 0xff, 32);
    }
    d[2].bytes[31] = 0xfe;
    look_for_all(d, 3);
    free(d);
}

/* A flip in a digest may give another index: what it is named by tells. */
static void test_no_flipped_bit_passes_for_the_same_set(void **state)
{
    (void)state;
    struct set s = make_small();
    uint32_t *guide = make_guide(s.size);
    struct blob_index x;
    for (size_t bit = 0; bit < s.size * 8; bit++) {
        s.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const char *problem = blob_index_open(&x, s.data, s.size, guide);
        if (bit / 8 < BLOB_INDEX_HEADER)
            assert_non_null(problem);
        if (problem == NULL) { /* then it is in order */
            assert_int_equal(x.n[0], 3);
            assert_int_equal(x.n[1], 3);
            for (size_t i = 1; i < 3; i++) {
                assert_true(memcmp(x.digest[0] + 32 * (i - 1), x.digest[0] + 32 * i, 32) < 0);
                assert_true(memcmp(x.digest[1] + 64 * (i - 1), x.digest[1] + 64 * i, 64) < 0);
            }
        }
        s.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_null(problem_of(s.data, s.size));
    free(guide);
    free(s.data);
}

static void test_no_set_that_is_cut_or_longer_passes(void **state)
{
    (void)state;
    struct set s = make_small();
    uint8_t *longer = calloc(1, s.size + 64);
    assert_non_null(longer);
    for (size_t size = 0; size < s.size; size++) {
        uint8_t *cut = malloc(size > 0 ? size : 1);
        assert_non_null(cut);
        memcpy(cut, s.data, size);
        assert_non_null(problem_of(cut, size));
        free(cut);
    }
    memcpy(longer, s.data, s.size);
    for (size_t more = 1; more <= 64; more++) {
        memset(longer + s.size, 0xff, more);
        assert_non_null(problem_of(longer, s.size + more));
    }
    free(longer);
    free(s.data);
}

static void test_wrong_order_and_duplicates_are_refused_in_either_part(void **state)
{
    (void)state;
    struct set s = make_small();
    for (unsigned kind = 0; kind < 2; kind++) {
        size_t size = kind == 0 ? 32 : 64;
        uint8_t kept[128], *first = s.data + BLOB_INDEX_HEADER + (kind == 0 ? 0 : 96);
        memcpy(kept, first, 2 * size);
        memcpy(first + size, kept, size);
        assert_string_equal(problem_of(s.data, s.size), "its digests are not in ascending order");
        memcpy(first, kept + size, size);
        assert_string_equal(problem_of(s.data, s.size), "its digests are not in ascending order");
        memcpy(first, kept, 2 * size);
        assert_null(problem_of(s.data, s.size));
    }
    free(s.data);
}

static void test_a_header_that_announces_too_much_is_refused(void **state)
{
    (void)state;
    struct set s = make_small();
    for (unsigned at = 16; at <= 32; at += 16) {
        uint8_t kept[8];
        memcpy(kept, s.data + at + 8, 8);
        memset(s.data + at + 8, 0xff, 8);
        assert_non_null(problem_of(s.data, s.size));
        memcpy(s.data + at + 8, kept, 8);
        s.data[at + 8]++;
        assert_non_null(problem_of(s.data, s.size));
        s.data[at + 8] = (uint8_t)(s.data[at + 8] - 2);
        assert_non_null(problem_of(s.data, s.size));
        s.data[at + 8]++;
    }
    assert_null(problem_of(s.data, s.size));
    free(s.data);
}

static void test_pieces_are_judged_as_the_whole_is_wherever_it_is_cut(void **state)
{
    (void)state;
    struct set s = make_small();
    struct blob_index_check c;
    for (size_t cut = 0; cut <= s.size; cut++)
        assert_null(problem_of_pieces(s.data, s.size, cut));
    blob_index_check_begin(&c);
    for (size_t i = 0; i < s.size; i++) {
        assert_non_null(blob_index_check_end(&c));
        assert_null(blob_index_check_feed(&c, s.data + i, 1));
    }
    assert_null(blob_index_check_end(&c));
    s.data[s.size - 64] = 0; /* the last digest goes before the one before it */
    for (size_t cut = 0; cut <= s.size; cut++)
        assert_non_null(problem_of_pieces(s.data, s.size, cut));
    free(s.data);
}

static void test_the_writer_takes_only_what_will_be_an_index(void **state)
{
    (void)state;
    struct digest d[4] = {random_digest(0), random_digest(0), random_digest(1), random_digest(1)};
    const uint64_t count[BLOB_INDEX_KINDS] = {2, 1};
    struct blob_index_writer w;
    uint8_t header[BLOB_INDEX_HEADER];
    qsort(d, 4, sizeof(*d), compare);
    blob_index_begin(&w, count, header);
    assert_false(blob_index_put(&w, &d[2])); /* before all of the first algorithm */
    assert_true(blob_index_put(&w, &d[1]));
    assert_false(blob_index_put(&w, &d[0])); /* order */
    assert_false(blob_index_put(&w, &d[1])); /* twice */
    blob_index_begin(&w, count, header);
    assert_true(blob_index_put(&w, &d[0]));
    assert_true(blob_index_put(&w, &d[1]));
    assert_false(blob_index_end(&w)); /* one is missing */
    assert_true(blob_index_put(&w, &d[2]));
    assert_true(blob_index_end(&w));
    assert_false(blob_index_put(&w, &d[3])); /* one too many */
}

/* ── The pointer ── */

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POINTER "geranos-index 1\ntime 1795259000\nsha256 380\nsha512 0\nobject sha256:" HEX "\n"

static bool same_pointer(const struct blob_index_pointer *a, const struct blob_index_pointer *b)
{
    return a->time == b->time && a->count[0] == b->count[0] && a->count[1] == b->count[1] &&
           memcmp(&a->object, &b->object, sizeof(a->object)) == 0;
}

static void test_a_pointer_is_read_and_written_the_same(void **state)
{
    (void)state;
    struct blob_index_pointer p;
    char out[BLOB_INDEX_POINTER_MAX];
    assert_null(blob_index_pointer_parse(STR(POINTER), &p));
    assert_int_equal(p.time, 1795259000);
    assert_int_equal(p.count[0], 380);
    assert_int_equal(p.count[1], 0);
    assert_int_equal(p.object.algorithm, DIGEST_SHA256);
    check_str(str_make(out, blob_index_pointer_format(&p, out)), POINTER);
    p.time = ((int64_t)1 << 40);
    p.count[0] = p.count[1] = BLOB_INDEX_COUNT_MAX;
    struct blob_index_pointer again;
    assert_null(
        blob_index_pointer_parse(str_make(out, blob_index_pointer_format(&p, out)), &again));
    assert_true(same_pointer(&p, &again));
}

static void test_a_pointer_that_is_cut_longer_or_spelt_otherwise_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } row[] = {
        {"", "\"geranos-index 1\" in the first line"},
        {"geranos-index 2\n", "\"geranos-index 1\" in the first line"},
        {"geranos-index 1\r\n", "\"geranos-index 1\" in the first line"},
        {"geranos-index 1\ntime -1\n", "\"time SECONDS\" in the second line"},
        {"geranos-index 1\ntime 9999999999999\n", "\"time SECONDS\" in the second line"},
        {"geranos-index 1\ntime 1\nsha256 01\n", "\"sha256 COUNT\" in the third line"},
        {"geranos-index 1\ntime 1\nsha256 4294967296\n", "\"sha256 COUNT\" in the third line"},
        {"geranos-index 1\ntime 1\nsha256 1\nsha512 +1\n", "\"sha512 COUNT\" in the fourth line"},
        {"geranos-index 1\ntime 1\nsha256 1\nsha512 1\nobject md5:00\n",
         "\"object sha256:HEX\" in the fifth line"},
        {"geranos-index 1\ntime 1\nsha256 1\nsha512 1\nobject sha512:" HEX HEX "\n",
         "\"object sha256:HEX\" in the fifth line"},
        {POINTER "\n", "nothing after the fifth line"},
    };
    struct blob_index_pointer p;
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        assert_string_equal(blob_index_pointer_parse(str_from(row[i].text), &p), row[i].expected);
    for (size_t len = 0; len < sizeof(POINTER) - 1; len++)
        assert_non_null(blob_index_pointer_parse(str_make(POINTER, len), &p));
}

static void test_no_flipped_bit_of_a_pointer_is_read_as_the_same(void **state)
{
    (void)state;
    struct blob_index_pointer right, p;
    char text[] = POINTER;
    assert_null(blob_index_pointer_parse(STR(POINTER), &right));
    for (size_t bit = 0; bit < (sizeof(text) - 1) * 8; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        if (blob_index_pointer_parse(str_make(text, sizeof(text) - 1), &p) == NULL)
            assert_false(same_pointer(&p, &right));
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_header_is_what_the_format_says),
        cmocka_unit_test(test_an_empty_set_is_an_index_that_has_nothing),
        cmocka_unit_test(test_every_digest_is_found_and_no_other_whatever_the_size),
        cmocka_unit_test(test_every_digest_of_a_large_set_is_found_and_no_other),
        cmocka_unit_test(test_digests_that_no_guess_fits_are_found_all_the_same),
        cmocka_unit_test(test_no_flipped_bit_passes_for_the_same_set),
        cmocka_unit_test(test_no_set_that_is_cut_or_longer_passes),
        cmocka_unit_test(test_wrong_order_and_duplicates_are_refused_in_either_part),
        cmocka_unit_test(test_a_header_that_announces_too_much_is_refused),
        cmocka_unit_test(test_pieces_are_judged_as_the_whole_is_wherever_it_is_cut),
        cmocka_unit_test(test_the_writer_takes_only_what_will_be_an_index),
        cmocka_unit_test(test_a_pointer_is_read_and_written_the_same),
        cmocka_unit_test(test_a_pointer_that_is_cut_longer_or_spelt_otherwise_is_refused),
        cmocka_unit_test(test_no_flipped_bit_of_a_pointer_is_read_as_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
