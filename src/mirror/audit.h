/*
 * Reads what a store holds and hashes it: an object whose bytes are not what its name says is
 * damaged, one whose name is no digest is foreign. On demand the right bytes are fetched from a
 * registry and put in the damaged ones' place, in one step and after they have been verified.
 *
 * A sample moves on from day to day: with one of a hundredth, a hundred days in a row read
 * everything once, whoever audits and however often a day.
 */
#ifndef MIRROR_AUDIT_H
#define MIRROR_AUDIT_H

#include "mirror/registry.h"
#include "mirror/report.h"
#include "mirror/store.h"

#define AUDIT_STORES_MAX 16
#define AUDIT_ALL 1000000U /* a sample of everything */

enum audit_kind {
    AUDIT_DAMAGED,
    AUDIT_FOREIGN,
    AUDIT_REPAIRED, /* it was found damaged before */
};

struct audit_finding {
    enum audit_kind kind;
    const struct store *store;
    struct str key;
    int64_t size;            /* as it was read, or listed (foreign); of what was put (repaired) */
    const struct digest *is; /* damaged: what its bytes are */
};

struct audit_options {
    struct store *const *store;
    size_t n_stores;         /* at most AUDIT_STORES_MAX */
    const char *blobs;       /* where the blobs lie, with its last slash: + digest */
    uint32_t sample;         /* millionths of all blobs, at most AUDIT_ALL */
    int64_t day;             /* since 1970 */
    unsigned jobs;           /* objects read at once, at most */
    struct registry *source; /* to repair from; NULL: nothing is repaired */
    const atomic_bool *stop;

    /* From any thread, one at a time. */
    void (*found)(void *owner, const struct audit_finding *finding);
    void *owner;
};

struct audit_status { /* as it goes on, for people; numbers only grow */
    uint64_t listed;  /* objects */
    uint64_t due;     /* of those: to be read */
    uint64_t read;
    uint64_t bytes;
    uint64_t damaged;
    uint64_t foreign;
    uint64_t unknown; /* named by a digest that cannot be computed here */
    uint64_t repaired;
    uint64_t retries;
    unsigned running;
    bool listing; /* more may be listed */
};

struct audit;

/* Whether a blob belongs to a day's sample. */
bool audit_is_due(const struct digest *d, uint32_t sample, int64_t day);

/* NULL: no memory. The options stay where they are. */
struct audit *audit_new(const struct audit_options *options);
void audit_free(struct audit *a);

/* Does all of it. False: it could not even be tried; *why (static). What could not be read or
 * repaired is in the report. */
bool audit_run(struct audit *a, const char **why);

/* Any thread, while it runs or afterwards. */
void audit_status(struct audit *a, struct audit_status *out);

struct report *audit_report(struct audit *a);

#endif
