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

struct policy_range {
    struct prefix prefix;
    uint32_t place; /* index into policy.places */
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
    const struct policy_place *places; /* those that ranges name; no two alike */
    size_t n_places;
    const struct policy_range *ranges; /* of the same prefix, the first counts */
    size_t n_ranges;
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
