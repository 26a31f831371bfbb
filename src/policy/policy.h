/*
 * From stores, networks and prefixes to a snapshot image.
 *
 * The input is plain values that somebody checked (config/, ranges/); the builder refuses what the
 * image cannot hold, resolves for every network which stores are its candidates (the most specific
 * of "cloud/region", "cloud", "default" that any store serves), and lays everything out flat.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <archeio/prefix.h>
#include <archeio/snapshot.h>

/* A cloud, or one region of it. "default" is cloud "" and region "". */
struct policy_place {
    struct str cloud;
    struct str region; /* empty: the whole cloud */
};

struct policy_store {
    struct str name;
    struct str url; /* absolute http(s), without a trailing slash, at most SNAPSHOT_URL_MAX - 64 */
    const struct policy_place *serves;
    size_t n_serves;
    bool indexed; /* its index is to be believed */
};

/* Clients that are alike to every rule. */
struct policy_network {
    struct policy_place place; /* both empty: of no cloud that ranges name */
    uint32_t asn;              /* 0: unknown */
    struct prefix inside;      /* of all prefixes that routes name, the longest that holds it; of no
                                * family: none does */
};

struct policy_range {
    struct prefix prefix;
    uint32_t network; /* index into policy.networks */
};

struct policy_upstream {
    struct str name;
    struct str endpoint; /* absolute http(s) URL without a trailing slash */
    struct str path;     /* without slashes around it; may be empty */
};

/* Whose networks belong together. A network that a cloud's published ranges name is that cloud's,
 * if any provider has it; otherwise its autonomous system counts. */
struct policy_provider {
    const struct str *clouds;
    size_t n_clouds;
    const uint32_t *asns;
    size_t n_asns;
};

struct policy_texts {
    const struct str *text;
    size_t n;
};

struct policy_value {
    struct str text; /* not empty */
    bool longer;     /* or anything that begins with it */
};

/* A field of the request, one of whose values must be there. */
struct policy_field {
    struct str name; /* in lower case */
    const struct policy_value *values;
    size_t n_values;
};

struct policy_target {
    enum snapshot_target_kind kind;
    uint32_t index; /* of the store or upstream */
    uint16_t status;
    struct str text; /* a URL without a slash at its end; an answer's body */
};

#define POLICY_ALL (UINT64_C(1) << 32) /* the share that is everybody */

/* All conditions must hold; of each, one of what it lists. What lists nothing always holds. */
struct policy_route {
    struct str name;
    struct policy_texts clouds;
    struct policy_texts regions; /* "eu-west-3" of any cloud, or "aws/eu-west-3" */
    const uint32_t *providers;   /* indexes into policy.providers */
    size_t n_providers;
    const uint32_t *asns;
    size_t n_asns;
    const struct prefix *prefixes;
    size_t n_prefixes;
    struct policy_texts hosts;        /* in lower case */
    struct policy_texts paths;        /* patterns (base/glob.h) */
    struct policy_texts repositories; /* the same */
    const struct policy_field *fields;
    size_t n_fields;
    unsigned kinds;   /* bits, 1 << enum path_kind */
    unsigned methods; /* bits, 1 << enum decide_method */
    uint64_t share;   /* of POLICY_ALL */
    bool strips;      /* every target takes the place of `strip` at the path's beginning; otherwise
                       * URLs take that of what stands before a pattern's first wildcard segment,
                       * and what else a path leads to keeps it whole */
    struct str strip;
    const struct policy_target *targets;
    size_t n_targets;
};

struct policy {
    struct str info_page;
    struct str privacy_page;
    struct str upstream_endpoint;         /* absolute http(s) URL without a trailing slash */
    struct str upstream_path;             /* without slashes around it; may be empty */
    struct str signature_endpoint;        /* may be empty: none */
    const struct policy_place *blobs_for; /* networks whose blobs stay at the upstream */
    size_t n_blobs_for;
    const struct policy_store *stores;
    size_t n_stores;
    const struct policy_network *networks; /* those that ranges lead to */
    size_t n_networks;
    const struct policy_range *ranges; /* of the same prefix, the first counts */
    size_t n_ranges;
    const struct policy_upstream *upstreams; /* those that routes may name */
    size_t n_upstreams;
    const struct policy_provider *providers;
    size_t n_providers;
    const struct policy_route *routes; /* in the order in which they are tried */
    size_t n_routes;
    const struct snapshot_source *sources;
    size_t n_sources;
};

/* Bytes that policy_build() needs beside the image while it works. SIZE_MAX: too much. */
size_t policy_scratch_size(const struct policy *p);

/* How many bytes the image can take at most. Prepares scratch (8-byte aligned memory of
 * policy_scratch_size() bytes), which is to be handed to policy_build() as it is. 0 if something
 * does not fit a limit of snapshot.h; *why then says what (static). */
size_t policy_image_bound(const struct policy *p, void *scratch, const char **why);

/* Writes the image to 8-byte aligned memory of policy_image_bound() bytes; returns how many of them
 * are used, 0 if a prefix is unfit for the table (host bits, family). The result passes
 * snapshot_open(). */
size_t policy_build(const struct policy *p, void *scratch, void *image);

#endif
