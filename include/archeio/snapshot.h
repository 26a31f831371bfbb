/*
 * The snapshot: all that a decision reads, in one immutable, flat, offset-based image.
 *
 * An image is made by policy_build() ("policy/policy.h") and checked by snapshot_open(), which
 * trusts nothing in it. After that, everything here may be read from any number of threads, without
 * locks, until the caller frees the image.
 */
#ifndef ARCHEIO_SNAPSHOT_H
#define ARCHEIO_SNAPSHOT_H

#include <archeio/addr.h>
#include <archeio/lpm.h>
#include <archeio/str.h>
#include <stdint.h>

/* An image of another version is refused: it is compiled anew, never converted. */
#define SNAPSHOT_VERSION 3

#define SNAPSHOT_STORES_MAX 4096
#define SNAPSHOT_NETWORKS_MAX 16384
#define SNAPSHOT_URL_MAX 2048 /* bytes of any URL in a snapshot */

/* A client that no prefix holds is of this network; its cloud and region are empty. */
#define SNAPSHOT_NETWORK_UNKNOWN 0U

struct snapshot_store {
    struct str name;
    struct str objects; /* its URL and "/containers/images/": a digest follows */
    bool indexed;       /* its index, if it has one, is to be believed */
};

/* The entry of the configuration that decides where a network's blobs come from: one of upstream
 * `blobs_for` if blobs_from_upstream, else one of a store's `serves`. */
enum snapshot_route {
    SNAPSHOT_ROUTE_NONE,    /* no store serves the network */
    SNAPSHOT_ROUTE_DEFAULT, /* "default" */
    SNAPSHOT_ROUTE_CLOUD,   /* its cloud */
    SNAPSHOT_ROUTE_REGION   /* its cloud and region */
};

struct snapshot_network {
    struct str cloud;         /* "aws"; empty for the unknown network */
    struct str region;        /* "eu-west-3"; empty where the cloud has none for it */
    const uint16_t *stores;   /* the candidates (step R12), indexes into the stores, in order */
    uint32_t n_stores;        /* may be 0 */
    bool blobs_from_upstream; /* step R11 */
    enum snapshot_route route;
};

/* Where prefixes came from. */
struct snapshot_source {
    struct str name;   /* "aws-ip-ranges.json" */
    struct str cloud;  /* "aws" */
    uint64_t modified; /* when the data was published or, failing that, fetched: Unix seconds */
    uint32_t prefixes; /* that it brought */
};

/* Filled by snapshot_open(); views into the image. */
struct snapshot {
    const void *image;
    size_t size;
    struct str info_page;    /* R2: an absolute URL, as all below */
    struct str privacy_page; /* R3 */
    struct str upstream;     /* R9, R11, R13: "<endpoint>/v2/<path prefix>/", a path follows */
    struct str signatures;   /* R8: the same for signatures; empty: none configured */
    uint32_t n_stores;
    uint32_t n_networks; /* at least 1: SNAPSHOT_NETWORK_UNKNOWN */
    uint32_t n_sources;
    uint32_t prefix_max; /* bytes of the longest of upstream, signatures, pages, objects */
    struct lpm table;    /* address -> network */
    const struct image_store *stores; /* read through the functions below */
    const struct image_network *networks;
    const struct image_source *sources;
    const uint16_t *candidates;
};

/* Checks an image (8-byte aligned, not changed while in use) and fills *s. Returns NULL, or what is
 * wrong with it: a static text that reads well after "snapshot: ". */
const char *snapshot_open(struct snapshot *s, const void *image, size_t size);

/* The i-th of each; i must be below the count. */
struct snapshot_store snapshot_store(const struct snapshot *s, uint32_t i);
struct snapshot_network snapshot_network(const struct snapshot *s, uint32_t i);
struct snapshot_source snapshot_source(const struct snapshot *s, uint32_t i);

/* The network of an address; SNAPSHOT_NETWORK_UNKNOWN if no prefix holds it. */
uint32_t snapshot_locate(const struct snapshot *s, const struct addr *client);

#endif
