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
#define SNAPSHOT_VERSION 4

#define SNAPSHOT_STORES_MAX 4096
#define SNAPSHOT_NETWORKS_MAX (LPM_VALUE_MAX + 1)
#define SNAPSHOT_UPSTREAMS_MAX 256
#define SNAPSHOT_ROUTES_MAX 4096
#define SNAPSHOT_HEADERS_MAX 16 /* fields that routes look at */
#define SNAPSHOT_URL_MAX 2048   /* bytes of any URL in a snapshot */

/* A client that no prefix holds is of this network; its cloud and region are empty. */
#define SNAPSHOT_NETWORK_UNKNOWN 0U

struct snapshot_store {
    struct str name;
    struct str objects; /* its URL and "/containers/images/": a digest follows */
    struct str base;    /* its URL, without a slash at its end */
    bool indexed;       /* its index, if it has one, is to be believed */
};

/* The entry of the configuration that decides where a network's blobs come from: one of upstream
 * `blobs_for` if blobs_from_upstream, else one of a store's `serves`. */
enum snapshot_match {
    SNAPSHOT_MATCH_NONE,    /* no store serves the network */
    SNAPSHOT_MATCH_DEFAULT, /* "default" */
    SNAPSHOT_MATCH_CLOUD,   /* its cloud */
    SNAPSHOT_MATCH_REGION   /* its cloud and region */
};

struct snapshot_network {
    struct str cloud;         /* "aws"; empty for the unknown network */
    struct str region;        /* "eu-west-3"; empty where the cloud has none for it */
    const uint16_t *stores;   /* the candidates (step R12), indexes into the stores, in order */
    uint32_t n_stores;        /* may be 0 */
    bool blobs_from_upstream; /* step R11 */
    enum snapshot_match match;
    uint32_t asn; /* of the autonomous system, as far as routes name it; 0: unknown */
};

/* A registry that routes may name. */
struct snapshot_upstream {
    struct str name;
    struct str registry; /* "<endpoint>/v2/<path prefix>/": a path below "/v2/" follows */
    struct str endpoint; /* without a slash at its end: any other path follows */
};

enum snapshot_target_kind {
    SNAPSHOT_TARGET_STORE,    /* if it has the object */
    SNAPSHOT_TARGET_STORES,   /* those that serve the client's network, as in step R12 */
    SNAPSHOT_TARGET_UPSTREAM, /* a registry */
    SNAPSHOT_TARGET_URL,      /* elsewhere */
    SNAPSHOT_TARGET_ANSWER,   /* nowhere: a fixed answer */
};
#define SNAPSHOT_TARGET_KINDS 5

/* The statuses that a route may redirect with, and those of its fixed answers. */
static inline bool snapshot_status_redirects(uint64_t status)
{
    return status == 301 || status == 302 || status == 307 || status == 308;
}
static inline bool snapshot_status_answers(uint64_t status)
{
    return status == 200 || status == 503 || (status >= 400 && status <= 499);
}

/* Where a route leads. */
struct snapshot_target {
    enum snapshot_target_kind kind;
    uint32_t index;  /* of the store or upstream */
    uint16_t status; /* of a URL or an answer: one that snapshot_status_...() allows */
    struct str text; /* a URL without a slash at its end; an answer's body, which may be empty */
};

/* Who is sent elsewhere than by the steps from R2 on, if all its conditions hold. */
struct snapshot_route {
    struct str name;
    uint32_t first_target; /* they are tried in their order; after the last a registry's paths go */
    uint32_t n_targets;    /* on with the steps, and others are answered 404 */
    uint32_t stripped;     /* bytes of other paths that stores and upstreams are not sent */
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
    uint32_t n_upstreams;
    uint32_t n_routes;
    uint32_t n_headers;               /* fields that routes look at */
    uint32_t prefix_max;              /* bytes of the longest text that a Location begins with */
    struct lpm table;                 /* address -> network */
    const struct image_store *stores; /* read through the functions below */
    const struct image_network *networks;
    const struct image_source *sources;
    const uint16_t *candidates;
    const struct image_upstream *upstreams;
    const struct image_route *routes;
    const struct image_target *targets;
    const struct image_pattern *patterns;
    const struct image_field *fields;
    const struct image_literal *literals;
    const uint64_t *rows; /* sets of routes, each of row_words words */
    uint32_t row_words;
};

/* Checks an image (8-byte aligned, not changed while in use) and fills *s. Returns NULL, or what is
 * wrong with it: a static text that reads well after "snapshot: ". */
const char *snapshot_open(struct snapshot *s, const void *image, size_t size);

/* The i-th of each; i must be below the count. */
struct snapshot_store snapshot_store(const struct snapshot *s, uint32_t i);
struct snapshot_network snapshot_network(const struct snapshot *s, uint32_t i);
struct snapshot_source snapshot_source(const struct snapshot *s, uint32_t i);
struct snapshot_upstream snapshot_upstream(const struct snapshot *s, uint32_t i);
struct snapshot_route snapshot_route(const struct snapshot *s, uint32_t i);
struct snapshot_target snapshot_target(const struct snapshot *s, uint32_t i);

/* The name of the i-th field that routes look at, in lower case: whoever asks for a decision brings
 * its value along. */
struct str snapshot_header(const struct snapshot *s, uint32_t i);

/* The network of an address; SNAPSHOT_NETWORK_UNKNOWN if no prefix holds it. */
uint32_t snapshot_locate(const struct snapshot *s, const struct addr *client);

#endif
