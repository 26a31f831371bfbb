/*
 * Brings stores up to what a registry holds: what the stores hold is listed, the registry is
 * walked, what a store lacks is copied while the walk goes on, and at last each image all of whose
 * blobs are there gets its record.
 */
#ifndef MIRROR_SYNC_H
#define MIRROR_SYNC_H

#include "mirror/catalog.h"
#include "mirror/pattern.h"
#include "mirror/registry.h"
#include "mirror/report.h"
#include "mirror/store.h"

#define SYNC_BLOBS "containers/images/"         /* where the blobs lie: + digest */
#define SYNC_RECORDS "geranos/uploaded-images/" /* where the records do: + digest */

struct sync_options {
    struct registry *source;
    struct store *const *store;
    size_t n_stores; /* at most CATALOG_STORES_MAX */
    struct pattern_lists repositories;
    struct pattern_lists tags;
    struct pattern_lists platforms;
    const char *const *reference; /* n_references of 0: everything below the source's prefix */
    size_t n_references;
    const char *blobs;   /* SYNC_BLOBS or another prefix, with its last slash */
    const char *records; /* the same; "": no records are written */
    unsigned jobs;       /* copies at once, at most */
    uint32_t shard;      /* of shards: only blobs whose digest falls to it are copied */
    uint32_t shards;     /* at least 1 */
    bool plan;           /* nothing is written */
    const atomic_bool *stop;

    /* For logs; each may be NULL. From any thread. */
    void (*listed)(void *owner); /* the stores have been: the walk begins */
    void (*copied)(void *owner, const char *blob, int64_t size);
    void *owner;
};

struct sync_status { /* as it goes on, for people; numbers only grow */
    uint64_t manifests;
    uint64_t manifests_known; /* those that are to be read included */
    uint64_t blobs;           /* to be copied, as far as is known */
    uint64_t blobs_copied;
    uint64_t blobs_failed;
    uint64_t bytes;        /* of those to be copied */
    uint64_t bytes_copied; /* those of blobs that are not whole yet, or failed, included */
    uint64_t bytes_stored; /* of the blobs that were copied */
    uint64_t retries;
    uint64_t throttled; /* how often a registry or a store wanted less */
    unsigned running;
};

struct sync_flight { /* a blob that is being copied */
    char blob[REPORT_WHAT_MAX];
    int64_t size; /* -1: not known */
    uint64_t got;
};

struct sync;

/* NULL: no memory. The options stay where they are. */
struct sync *sync_new(const struct sync_options *options);
void sync_free(struct sync *s);

/* Does all of it; what failed is in the report. False: it could not be tried; *why (static). */
bool sync_run(struct sync *s, const char **why);

/* Any thread, while it runs or afterwards. */
void sync_status(struct sync *s, struct sync_status *out);

/* At most n of what is being copied, the latest first; returns how many. */
size_t sync_flights(struct sync *s, struct sync_flight *out, size_t n);

/* Afterwards. False: what that store holds is not known, because it could not be listed. */
bool sync_has_listed(const struct sync *s, unsigned store);
struct catalog *sync_catalog(struct sync *s);
struct report *sync_report(struct sync *s);

#endif
