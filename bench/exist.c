/*
 * Measures the existence cache: nanoseconds per look-up of what is present, absent and unknown,
 * with few entries (they stay in the processor's caches) and with many (they do not), and per note
 * of a redirect; and the same of a store with an index.
 */
#include "exist/prober.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 20, LOOKUPS = 1 << 18 };

static uint64_t random_state = 88172645463325252U;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct digest random_digest(uint8_t size)
{
    struct digest d = {.size = size, .algorithm = size == 32 ? DIGEST_SHA256 : DIGEST_SHA512};
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = random_number();
        memcpy(d.bytes + i, &word, 8);
    }
    return d;
}

/* The answers are summed and printed, so that no look-up can be left out. */
static uint64_t consumed;

static void measure(struct exist *e, const char *what, const struct digest *digest, size_t n)
{
    int64_t best = INT64_MAX, now = clock_coarse();
    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = clock_now();
        for (size_t i = 0; i < LOOKUPS; i++)
            consumed += exist_lookup(e, 0, 0, &digest[i % n], now);
        int64_t took = clock_now() - began;
        best = took < best ? took : best;
    }
    printf("%-40s %6.1f ns\n", what, (double)best / LOOKUPS);
}

static void measure_redirected(struct exist *e, const struct digest *d)
{
    int64_t began = clock_now();
    for (size_t i = 0; i < LOOKUPS; i++)
        exist_redirected(e, 0, 0, d);
    printf("%-40s %6.1f ns\n", "note of a redirect", (double)(clock_now() - began) / LOOKUPS);
}

static struct digest *fill(struct exist *e, size_t n, uint8_t size, enum exist_state state)
{
    struct digest *digest = calloc(n, sizeof(*digest));
    int64_t now = clock_now();
    for (size_t i = 0; digest != NULL && i < n; i++) {
        digest[i] = random_digest(size);
        const struct key key = {key_hash(e->seed, 0, &digest[i]), 0, digest[i]};
        if (state != EXIST_MISS)
            cache_put(&e->cache, &key, state, now + 3600 * CLOCK_S, now);
    }
    return digest;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* Publishes an index of n digests; returns some of them, in no order. NULL: no memory. */
static struct digest *publish(struct exist *e, size_t n, size_t some)
{
    const uint64_t count[BLOB_INDEX_KINDS] = {n, 0};
    struct digest *digest = calloc(some, sizeof(*digest));
    struct index_set *s = index_set_new(&e->indexes, (size_t)blob_index_size(count));
    struct blob_index_writer w;
    if (digest == NULL || s == NULL)
        return NULL;
    uint8_t *first = s->memory + BLOB_INDEX_HEADER;
    blob_index_begin(&w, count, s->memory);
    for (size_t i = 0; i < n; i++)
        memcpy(first + 32 * i, random_digest(32).bytes, 32);
    qsort(first, n, 32, by_digest);
    if (index_set_open(s) != NULL)
        return NULL;
    atomic_store(&s->until, INT64_MAX);
    index_publish(&e->indexes, 0, s);
    for (size_t i = 0; i < some; i++) {
        digest[i] = (struct digest){.size = 32, .algorithm = DIGEST_SHA256};
        memcpy(digest[i].bytes, first + 32 * (random_number() % n), 32);
    }
    return digest;
}

static void measure_index(struct exist *e, const char *count, size_t n)
{
    char what[64];
    size_t some = n < LOOKUPS ? n : LOOKUPS;
    struct digest *in = publish(e, n, some), *out = fill(e, some, 32, EXIST_MISS);
    snprintf(what, sizeof(what), "in an index of %s SHA-256", count);
    if (in != NULL)
        measure(e, what, in, some);
    snprintf(what, sizeof(what), "unknown, index of %s SHA-256", count);
    if (out != NULL)
        measure(e, what, out, some);
    free(in);
    free(out);
}

int main(void)
{
    static const struct {
        const char *what;
        size_t n;
        uint8_t size;
        enum exist_state state;
    } row[] = {
        {"present, 1,000 SHA-256", 1000, 32, EXIST_PRESENT},
        {"present, 1,000 SHA-512", 1000, 64, EXIST_PRESENT},
        {"absent, 1,000 SHA-256", 1000, 32, EXIST_ABSENT},
        {"unknown, 1,000 SHA-256", 1000, 32, EXIST_MISS},
        {"present, 200,000 SHA-256", 200000, 32, EXIST_PRESENT},
        {"unknown, 200,000 SHA-256", 200000, 32, EXIST_MISS},
    };
    const struct exist_options options = {.workers = 1,
                                          .present_ttl = 3600 * CLOCK_S,
                                          .absent_ttl = 60 * CLOCK_S,
                                          .error_ttl = 5 * CLOCK_S,
                                          .memory = 64 << 20,
                                          .head_timeout = 5 * CLOCK_S,
                                          .store_requests = 64,
                                          .queue = 8192};
    const char *why;
    struct exist *e = exist_new(&options, &why);
    if (e == NULL || exist_store(e, STR("http://127.0.0.1:1/")) != 0) {
        fprintf(stderr, "exist: %s\n", e == NULL ? why : "no store");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
        struct digest *digest = fill(e, row[i].n, row[i].size, row[i].state);
        if (digest != NULL)
            measure(e, row[i].what, digest, row[i].n);
        free(digest);
    }
    const struct digest d = random_digest(32);
    measure_redirected(e, &d);
    measure_index(e, "1,000", 1000);
    measure_index(e, "200,000", 200000);
    measure_index(e, "10,000,000", 10000000);
    exist_free(e);
    printf("(%llu)\n", (unsigned long long)consumed);
    return EXIT_SUCCESS;
}
