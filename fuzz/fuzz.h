/*
 * What every fuzz target includes: libFuzzer's entries, and how a target says what must hold.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <archeio/str.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Called once, before the first input; a target may have it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Called with each input. Returns 0: everything is of interest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. Unlike an assertion it is never compiled out. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))

_Noreturn static inline void fuzz_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

/* Takes a byte off the front of the input, to decide something by; 0 when there is none left. */
static inline uint8_t fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    (*size)--;
    return *(*data)++;
}

/* A copy (free() it) behind which AddressSanitizer knows the next byte to be out of bounds. */
static inline char *fuzz_copy(const void *data, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    FUZZ_CHECK(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* Numbers that look random and are the same for the same input. */
struct fuzz_random {
    uint64_t state; /* not 0 */
};

static inline struct fuzz_random fuzz_random(const uint8_t *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 0x100000001b3;
    return (struct fuzz_random){hash | 1};
}

static inline size_t fuzz_draw(struct fuzz_random *r, size_t below)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return (size_t)(r->state >> 16) % below;
}

#endif
