/*
 * SHA-256 of short texts, over and over: one context, which is kept.
 */
#ifndef EXIST_HASHER_H
#define EXIST_HASHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero to begin: nothing is allocated before the first hash. */
struct hasher {
    struct evp_md_st *md;
    struct evp_md_ctx_st *context;
};

/* False: no memory. */
bool hasher_sha256(struct hasher *h, const void *data, size_t len, uint8_t out[32]);
void hasher_close(struct hasher *h);

#endif
