/*
 * Existence: is this blob in that store? A cache that every worker reads without locks or shared
 * writes, and behind it one thread (the prober) that asks stores with HEAD requests.
 *
 * Keys are exact: (store, algorithm, digest bytes). Present, absent and error entries have their
 * own lifetimes; absent and error entries take at most a quarter of the memory, and paths an eighth
 * of either part. One HEAD is in flight per key however many wait. A store with three errors in a
 * row is down: its entries are ignored and its questions answered DOWN at once, until a trial (one
 * a second) succeeds. While a store is being redirected to (and 30 s longer), a HEAD of a recently
 * redirected digest every 5 s watches it: within 10 s of its death it is known to be down, and
 * where such a digest is no longer there, nothing counts as present before it has been asked for
 * again.
 *
 * A store may have an index ("oci/blob_index.h"): what is in it is present, and no HEAD is sent;
 * for what is not in it the above holds. It is believed while it could be looked for anew within
 * present_ttl and is younger than index_max_age, while the store is not down, and until the watch
 * finds that something it names is not there.
 *
 * Threads: exist_new(), exist_configure(), exist_stats() and exist_free() are the control thread's;
 * everything that takes a worker number is that worker's alone; the prober is inside.
 */
#ifndef EXIST_EXIST_H
#define EXIST_EXIST_H

#include <archeio/digest.h>
#include <archeio/snapshot.h>
#include <stdint.h>

struct exist;

struct exist_options {
    unsigned workers;
    int64_t present_ttl; /* nanoseconds, as all durations */
    int64_t absent_ttl;
    int64_t error_ttl;
    uint64_t memory;         /* bytes for the cache, reserved, touched only as it fills */
    int64_t head_timeout;    /* of one HEAD: 5 s unless a test says otherwise */
    unsigned store_requests; /* HEADs at once per store: 64 */
    unsigned queue;          /* questions at once that wait for one: 8192 */
    int64_t index_refresh;   /* indexes are looked for anew so often */
    int64_t index_max_age;   /* and ignored when they were made longer ago */
    uint64_t index_memory;   /* bytes, for all of them together */
};

enum exist_state {
    EXIST_PRESENT,
    EXIST_ABSENT,
    EXIST_ERROR, /* asked lately, no usable answer */
    EXIST_DOWN,  /* the store is down */
    EXIST_MISS,  /* nobody knows: ask */
};
#define EXIST_STATES 5

/* NULL and *why (static) if memory or a thread cannot be had. The prober starts idle and opens
 * libcurl on its first question. */
struct exist *exist_new(const struct exist_options *options, const char **why);

/* Ends the prober and releases everything. Waiters are forgotten: workers must have ended. */
void exist_free(struct exist *e);

/* New durations, and memory for indexes, after a reload (the cache's memory, workers and queue stay
 * as they were). */
void exist_configure(struct exist *e, const struct exist_options *options);

/* The number under which a store's entries are kept, the same for the same URL ("objects" of the
 * snapshot) ever after, so that a reload keeps what is known. UINT32_MAX: too many URLs. */
uint32_t exist_store(struct exist *e, struct str objects_url);

/* The same for a store whose objects are not named by digests: url is what stands before their
 * paths. Their keys are hashes of the paths (exist_path_key()); they are not asked for again before
 * they expire, and what is watched is the last one of which the store has said whether it is there.
 * Clients make paths up: an answer that says neither is the path's fault for as long as the one
 * that is watched gets a better one, and does not make the store count as down. */
uint32_t exist_store_of_paths(struct exist *e, struct str url);

/* Longer paths are not asked for. */
#define EXIST_PATH_MAX 1024

/* The key of a path: a SHA-256, but DIGEST_OTHER, because it is not of a blob. False: the path is
 * too long. */
bool exist_path_key(struct str path, struct digest *key);

/* The stores whose indexes are believed from now on, instead of those that were named before: what
 * is in a store's index is present, without a HEAD. The first call that names one starts a thread,
 * which loads them in the background. False: no memory or thread; no index is believed. */
bool exist_follow(struct exist *e, const uint32_t *stores, size_t n);

/* The answer of the store's index, or else of the cache. now: clock_coarse(). */
enum exist_state exist_lookup(struct exist *e, unsigned worker, uint32_t store,
                              const struct digest *d, int64_t now);

/* What a store is asked for. */
struct exist_object {
    const struct digest *key; /* its digest, or exist_path_key() of its path */
    struct str path;          /* empty where the digest names it */
};

/* A client that waits for an answer: embedded in whatever waits; belongs to one worker. */
struct exist_waiter {
    struct exist_waiter *next;  /* private */
    struct exist_waiter **link; /* private; NULL while it does not wait */
    enum exist_state state;     /* the answer, after exist_collect() */
};

/* Asks. False: the queue is full, and the client should not wait. Otherwise w waits until
 * exist_collect() hands it out or exist_cancel() takes it back; the HEAD goes on in any case. */
bool exist_ask(struct exist *e, unsigned worker, uint32_t store, const struct exist_object *object,
               struct exist_waiter *w);
void exist_cancel(struct exist_waiter *w);

/* Readable when answers have come for this worker; stays the same for its life. */
int exist_fd(struct exist *e, unsigned worker);

/* The next waiter whose answer has come (its state is PRESENT, ABSENT, ERROR or DOWN); NULL when
 * there is none, and the descriptor is then quiet. */
struct exist_waiter *exist_collect(struct exist *e, unsigned worker);

/* This worker is in no call of these: what lookups have read may go. To be said after each turn of
 * its loop. */
void exist_pass(struct exist *e, unsigned worker);

/* A client was sent to this store for this digest. */
void exist_redirected(struct exist *e, unsigned worker, uint32_t store, const struct digest *d);

/* Upper bounds in seconds of the HEAD latency histogram; the last bucket is open. */
#define EXIST_BUCKETS 10
extern const double exist_bucket_bound[EXIST_BUCKETS - 1];

struct exist_store_stats {
    struct str url; /* owned by e */
    bool down;
    uint64_t heads[4];               /* PRESENT, ABSENT, ERROR, and refused by the cap or queue */
    uint64_t latency[EXIST_BUCKETS]; /* HEADs per bucket, not cumulative */
    double latency_sum;              /* seconds */
};

/* Why an index is not used, or not brought up to date. */
enum exist_index_failure {
    EXIST_INDEX_FETCH,     /* the store does not answer as expected */
    EXIST_INDEX_MISSING,   /* the pointer or the set is not there */
    EXIST_INDEX_CORRUPT,   /* one of them is not what it should be */
    EXIST_INDEX_STALE,     /* made too long ago, before the one in use, or in the future */
    EXIST_INDEX_TOO_LARGE, /* for index_memory, or for what memory there is */
    EXIST_INDEX_WRONG,     /* it named a digest that is not there */
};
#define EXIST_INDEX_FAILURES 6

struct exist_index_stats {
    bool used; /* it is believed now */
    uint64_t entries;
    int64_t time;   /* when it was made, Unix seconds; 0: there is none */
    uint64_t loads; /* sets that were loaded, since the start */
    uint64_t failures[EXIST_INDEX_FAILURES];
};

struct exist_stats {
    uint64_t entries_present; /* in the cache now */
    uint64_t entries_absent;  /* with errors */
    uint64_t evictions;
    uint64_t rechecks;
    uint64_t memory_bytes; /* reserved */
    uint64_t index_bytes;  /* of all indexes, beside that */
    uint32_t n_stores;
};

void exist_stats(struct exist *e, struct exist_stats *out);
/* i below n_stores, as numbered by exist_store(). */
void exist_stats_store(struct exist *e, uint32_t i, struct exist_store_stats *out);
void exist_stats_index(struct exist *e, uint32_t i, struct exist_index_stats *out);

/* One HEAD, here and now, under the prober's rules: for `archeio explain`. Blocks. */
enum exist_state exist_head(const char *url, int64_t timeout, char error[256]);

#endif
