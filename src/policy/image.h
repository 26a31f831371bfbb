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
    IMAGE_UPSTREAMS,  /* struct image_upstream */
    IMAGE_ROUTES,     /* struct image_route, in the order in which they are tried */
    IMAGE_TARGETS,    /* struct image_target, of the routes one after the other */
    IMAGE_PATTERNS,   /* struct image_pattern, the same */
    IMAGE_FIELDS,     /* struct image_field */
    IMAGE_LITERALS,   /* struct image_literal, of the columns one after the other */
    IMAGE_ROWS,       /* uint64_t: sets of routes, route i is bit i % 64 of word i / 64; the first
                       * holds all of them */
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

/*
 * How a request finds its route: each thing that routes look at (the client's network, the method,
 * the host, and so on) is a column. A request's value selects one row in each: the set of the
 * routes that have nothing against it there. The first route in the intersection of all these sets
 * is the answer, once its patterns and its share have been looked at. The cost is a lookup for each
 * column, and n / 64 words for each. (The scheme is that of T. V. Lakshman and D. Stiliadis,
 * "High-speed policy-based packet forwarding using efficient multi-dimensional range matching",
 * SIGCOMM 1998.)
 *
 * In a column of text, literals are sorted, and each knows the longest other that it begins with,
 * so that the longest literal that a text begins with is found by one binary search: by numbers,
 * mostly, which are made of what stands behind the beginning that all literals share.
 */
struct image_column {
    uint32_t first;  /* in IMAGE_LITERALS */
    uint32_t count;  /* 0: no route looks at it, or none looks for something of its own */
    uint32_t others; /* the row of a text that begins with none of the literals */
    uint32_t used;   /* 0: no route looks at it, and there is no row */
    uint32_t shared; /* bytes with which all literals begin */
};

struct image_literal {
    struct image_text text;
    uint32_t parent; /* the longest other literal that this one begins with, counted from the
                      * column's first and one more; 0: none */
    uint32_t equal;  /* the row of this very text */
    uint32_t longer; /* the row of texts that begin with it */
    uint32_t unused; /* 0 */
    uint64_t key;    /* the eight bytes behind those that all share, the first the most significant;
                      * 0 for each that is missing */
};

#define IMAGE_METHODS 2 /* enum decide_method: GET, HEAD */
#define IMAGE_KINDS 6   /* enum path_kind */

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
    struct image_column host;
    struct image_column path;
    struct image_column repository;
    uint32_t method_row[IMAGE_METHODS]; /* without routes: 0, as all rows */
    uint32_t kind_row[IMAGE_KINDS];
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
    uint32_t match; /* enum snapshot_match */
    uint32_t asn;
    uint32_t row; /* of the routes that its clients may take */
};
#define IMAGE_BLOBS_FROM_UPSTREAM 1U

struct image_source {
    struct image_text name;
    struct image_text cloud;
    uint64_t modified;
    uint32_t prefixes;
    uint32_t unused; /* 0 */
};

struct image_upstream {
    struct image_text name;
    struct image_text registry; /* "<endpoint>/v2/<path prefix>/" */
    uint32_t endpoint;          /* bytes of it */
    uint32_t unused;            /* 0 */
};

struct image_route {
    struct image_text name;
    uint32_t targets; /* the first of them */
    uint32_t n_targets;
    uint32_t paths; /* patterns, of which one must match; none: any path does */
    uint32_t n_paths;
    uint32_t repositories;
    uint32_t n_repositories;
    uint32_t stripped; /* bytes of the path that stores and upstreams are not sent */
    uint32_t unused;   /* 0 */
    uint64_t seed;     /* of the share */
    uint64_t share;    /* of 2^32; that, too, means all */
};

struct image_target {
    uint32_t kind; /* enum snapshot_target_kind */
    uint32_t index;
    uint32_t status;
    struct image_text text;
};

struct image_pattern {
    struct image_text text;
    uint32_t replaced; /* bytes of a text that matches, which a URL takes the place of; more than
                        * it has: all */
};

/* A field that routes look at. */
struct image_field {
    struct image_text name; /* in lower case */
    struct image_column column;
};

/* XXH3 of 64 bits, which is the same on every machine: a share is of the same clients everywhere.
 */
uint64_t image_hash(const void *data, size_t len, uint64_t seed);

/* The checksum of an image whose header says how long it is. */
uint64_t image_checksum(const struct image_header *header, size_t size);

#endif
