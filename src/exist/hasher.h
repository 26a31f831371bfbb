/*
 * SHA-256 (FIPS 180-4) of short texts, without an allocation.
 */
#ifndef EXIST_HASHER_H
#define EXIST_HASHER_H

#include <stddef.h>
#include <stdint.h>

void hasher_sha256(const void *data, size_t len, uint8_t out[32]);

#endif
