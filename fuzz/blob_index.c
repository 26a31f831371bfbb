/*
 * A store's index and its pointer: both are read from the input, as they come.
 *
 * They are refused with a reason, or are what they say: digests in order, each found, none beside
 * them; writing them again gives the same bytes; and pieces are judged as the whole is.
 */
#include "fuzz.h"

#include "oci/blob_index.h"

static void check_pointer(struct str text)
{
    struct blob_index_pointer p;
    char again[BLOB_INDEX_POINTER_MAX];
    const char *expected = blob_index_pointer_parse(text, &p);
    FUZZ_CHECK(expected == NULL || expected[0] != '\0');
    if (expected == NULL)
        FUZZ_CHECK(str_eq(str_make(again, blob_index_pointer_format(&p, again)), text));
}

static struct digest digest_at(const struct blob_index *x, unsigned kind, size_t i)
{
    struct digest d = {.algorithm = kind == 0 ? DIGEST_SHA256 : DIGEST_SHA512,
                       .size = kind == 0 ? 32 : 64};
    memcpy(d.bytes, x->digest[kind] + i * d.size, d.size);
    return d;
}

static void check_neighbour(const struct blob_index *x, unsigned kind, size_t i, struct digest d)
{
    d.bytes[d.size - 1]++; /* above it, unless it wrapped */
    const uint8_t *next = x->digest[kind] + (i + 1) * d.size;
    if (d.bytes[d.size - 1] != 0)
        FUZZ_CHECK(blob_index_has(x, &d) ==
                   (i + 1 < x->n[kind] && memcmp(next, d.bytes, d.size) == 0));
}

static void check_set(const struct blob_index *x, const char *set, size_t size)
{
    const uint64_t count[BLOB_INDEX_KINDS] = {x->n[0], x->n[1]};
    uint8_t header[BLOB_INDEX_HEADER];
    struct blob_index_writer w;
    FUZZ_CHECK(blob_index_size(count) == size);
    blob_index_begin(&w, count, header);
    FUZZ_CHECK(memcmp(header, set, sizeof(header)) == 0);
    for (unsigned kind = 0; kind < BLOB_INDEX_KINDS; kind++)
        for (size_t i = 0; i < x->n[kind]; i++) {
            const struct digest d = digest_at(x, kind, i);
            FUZZ_CHECK(blob_index_put(&w, &d));
            FUZZ_CHECK(blob_index_has(x, &d));
            check_neighbour(x, kind, i, d);
        }
    FUZZ_CHECK(blob_index_end(&w));
}

static const char *judge_pieces(const char *set, size_t size, struct fuzz_random r)
{
    struct blob_index_check c;
    blob_index_check_begin(&c);
    for (size_t at = 0; at < size;) {
        size_t n = 1 + fuzz_draw(&r, size - at);
        const char *problem = blob_index_check_feed(&c, set + at, n);
        if (problem != NULL)
            return problem;
        at += n;
    }
    return blob_index_check_end(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blob_index x;
    char *copy = fuzz_copy(data, size);
    check_pointer(str_make(copy, size));
    uint32_t *guide = malloc(blob_index_guide_size(size));
    FUZZ_CHECK(guide != NULL);
    const char *problem = blob_index_open(&x, copy, size, guide);
    FUZZ_CHECK(problem == NULL || problem[0] != '\0');
    FUZZ_CHECK((problem == NULL) == (judge_pieces(copy, size, fuzz_random(data, size)) == NULL));
    if (problem == NULL)
        check_set(&x, copy, size);
    free(guide);
    free(copy);
    return 0;
}
