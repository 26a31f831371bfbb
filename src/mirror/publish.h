/*
 * Publishes the index of what a store holds ("oci/blob_index.h"), for archeio to believe.
 *
 * The set is made of a listing of the store alone. First the object that holds it is there, whole,
 * then the pointer names it: killed at any instant, the pointer names a whole object. The pointer's
 * time is when the listing began, and whoever publishes never replaces a pointer by an older one,
 * nor one that was changed since it was looked at: any number may publish at the same time.
 *
 * What no pointer names any more gets a marker beside it, geranos/index/retired/sha256:HEX, that
 * says since when; PUBLISH_GRACE_S later whoever publishes then removes both.
 */
#ifndef MIRROR_PUBLISH_H
#define MIRROR_PUBLISH_H

#include "mirror/digests.h"
#include "mirror/report.h"
#include "mirror/store.h"
#include "oci/blob_index.h"

#define PUBLISH_RETIRED BLOB_INDEX_DIRECTORY "retired/"
#define PUBLISH_GRACE_S 3600 /* far longer than anybody needs from the pointer to the set */
#define PUBLISH_MAX_AGE_S 30 /* that caches may keep the pointer */
#define PUBLISH_AHEAD_S 300  /* a pointer from so far ahead was made by a wrong clock */

struct publish_options {
    struct store *store;
    const char *blobs;             /* where the blobs lie, with its last slash: + digest */
    const struct digests *without; /* left out, though they are there; may be NULL */
    unsigned jobs;                 /* listings at once */
    bool check;                    /* a set that is there already is read, and replaced if it is
                                    * damaged; otherwise its size alone is looked at */
    struct report *report;
    const atomic_bool *stop;
};

enum publish_result {
    PUBLISH_FAILED,  /* the report says why; or it was stopped */
    PUBLISH_NEW,     /* another set than before */
    PUBLISH_SAME,    /* the same; its time is the new one */
    PUBLISH_YIELDED, /* somebody else's listing began when this one did, or later: it stays */
};

struct publish_outcome {
    enum publish_result result;
    struct blob_index_pointer pointer; /* unless it failed: what counts now */
    uint64_t left_out;                 /* digests that are there and were not wanted */
    char warning[256];                 /* "": old sets are seen to; or why they are not */
};

/* Blocks for as long as it takes. */
void publish_run(const struct publish_options *o, struct publish_outcome *out);

#endif
