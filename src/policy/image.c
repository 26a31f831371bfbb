#include "policy/image.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t image_checksum(const struct image_header *header, size_t size)
{
    const size_t from = offsetof(struct image_header, size);
    return XXH3_64bits((const unsigned char *)header + from, size - from);
}

uint64_t image_hash(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}
