/*
 * How a snapshot lies in memory and in the file of `archeio compile`: a header, then parts, each
 * 8-byte aligned, in the order of enum image_part. Integers are in the byte order of the machine
 * that wrote it; one of another order is refused by its mark.
 */
#ifndef POLICY_IMAGE_H
#define POLICY_IMAGE_H

#include <archeio/str.h>
#include <stdint.h>

#define IMAGE_MAGIC "archeio\n"
#define IMAGE_ORDER UINT32_C(0x01020304)
#define IMAGE_ALIGN 8U
#define IMAGE_SIZE_MAX (UINT32_C(1) << 30)

/* What a store's object URLs put between the store's URL and the digest. */
#define IMAGE_OBJECTS "/containers/images/"

enum image_part {
    IMAGE_TEXT,       /* bytes 0x20 to 0x7e, no terminators */
    IMAGE_STORES,     /* struct image_store */
    IMAGE_NETWORKS,   /* struct image_network; the first is the unknown one */
    IMAGE_SOURCES,    /* struct image_source */
    IMAGE_CANDIDATES, /* uint16_t, indexes of stores */
    IMAGE_TABLE,      /* an lpm image; its values are indexes of networks */
    IMAGE_PARTS
};

/* Where a part lies, from the beginning of the image. */
struct image_span {
    uint32_t offset;
    uint32_t count; /* of its elements */
};

/* A piece of IMAGE_TEXT. */
struct image_text {
    uint32_t offset;
    uint32_t len;
};

struct image_header {
    char magic[8];
    uint32_t version;
    uint32_t order;
    uint64_t checksum; /* XXH3, 64 bits, of everything behind this member */
    uint64_t size;     /* of the whole image */
    struct image_span part[IMAGE_PARTS];
    struct image_text info_page;
    struct image_text privacy_page;
    struct image_text upstream;
    struct image_text signatures;
};

struct image_store {
    struct image_text name;
    struct image_text objects; /* the URL and IMAGE_OBJECTS */
    uint32_t flags;            /* IMAGE_INDEXED or 0 */
};
#define IMAGE_INDEXED 1U

struct image_network {
    struct image_text cloud;
    struct image_text region;
    uint32_t candidates; /* the first of them in IMAGE_CANDIDATES */
    uint32_t n_candidates;
    uint32_t flags; /* IMAGE_BLOBS_FROM_UPSTREAM or 0 */
    uint32_t route; /* enum snapshot_route */
};
#define IMAGE_BLOBS_FROM_UPSTREAM 1U

struct image_source {
    struct image_text name;
    struct image_text cloud;
    uint64_t modified;
    uint32_t prefixes;
    uint32_t unused; /* 0 */
};

/* The checksum of an image whose header says how long it is. */
uint64_t image_checksum(const struct image_header *header, size_t size);

#endif
