/*
 * What all workers know together: the existence cache, and of each store whether it is down. It
 * lies in a zone of shared memory that outlives reloads, as nginx's zones do while their name and
 * size stay; the stores' numbers do not change, so what is known is kept.
 *
 * The rules are those of "exist/exist.h", as far as a door can hold them: whatever has to be asked
 * is asked on behalf of a client, so where no client comes, no store is watched or tried.
 *
 * Reading takes no lock. The lock is that of the zone: nginx opens it if a worker dies with it.
 */
#ifndef SHARED_H
#define SHARED_H

#include "exist/cache.h"

#include <ngx_config.h>
#include <ngx_core.h>

#define SHARED_ZONE_MIN (1024 * 1024) /* bytes */
#define SHARED_STORES_MAX 8192
#define SHARED_DOWN_AFTER 3 /* errors in a row */

struct shared_store {
    struct shared_store *next;
    _Atomic uint32_t number; /* under which its entries are kept now */
    _Atomic uint32_t down;
    _Atomic int64_t check; /* when the next watch or trial is due; 0: it was never asked */
    unsigned errors;       /* in a row; under the lock */
    size_t len;
    char *path; /* that it is tried with, under the lock; NULL: its objects have none */
    _Atomic size_t path_len; /* 0: clients were sent there for none yet */
    char url[];              /* a digest or a path follows */
};

struct shared {
    ngx_slab_pool_t *pool;
    struct cache cache;
    uint64_t seed;   /* of the keys' hashes */
    uint32_t number; /* the last that was given to a store; under the lock, as what follows */
    unsigned n_stores;
    struct shared_store *stores;
};

/* Finds what lies in a zone, or makes it. NULL: no room, or no random numbers. */
struct shared *shared_open(ngx_slab_pool_t *pool);

/* The store of that URL, of the same one ever after; by_path: of its objects that have one. NULL:
 * there is no room for more of them. */
struct shared_store *shared_store(struct shared *s, struct str url, bool by_path);

/* Monotonic nanoseconds, as of this turn of the event loop. */
int64_t shared_now(void);

struct key shared_key(const struct shared *s, const struct shared_store *store,
                      const struct digest *d);

/* What stands for a path in a key, a SHA-256: two paths that share one are not to be found. False:
 * it is too long to be asked for. */
bool shared_path(struct str path, struct digest *out);

/* What is known: EXIST_DOWN for all keys of a store that is down; EXIST_MISS: nothing. */
enum exist_state shared_find(const struct shared *s, const struct shared_store *store,
                             const struct key *key);

/* Whether the store should be asked even though nobody has to know: every 5 s while clients are
 * sent there, every second while it is down. True for one caller in all workers, who then asks. */
bool shared_due(struct shared_store *store);

/* A HEAD has ended so: PRESENT, ABSENT or ERROR. It is remembered until `expiry`; not at all if
 * that is over. Where clients are being sent for what is no longer there, all that was known to be
 * in that store is forgotten. */
enum shared_change { SHARED_SAME, SHARED_WENT_DOWN, SHARED_CAME_UP, SHARED_FORGOT };
enum shared_change shared_note(struct shared *s, struct shared_store *store, const struct key *key,
                               enum exist_state state, int64_t expiry);

/* One has ended with an error that may be its path's fault: it does not count against the store,
 * which is alive if clients were sent there for nothing yet that is to be answered better. */
enum shared_change shared_note_odd(struct shared *s, struct shared_store *store,
                                   const struct key *key, int64_t expiry);

/* Clients are sent there for that path, of EXIST_PATH_MAX bytes at most: from now on, trials are to
 * ask for it. */
void shared_prove(struct shared *s, struct shared_store *store, struct str path);

static inline bool shared_is_proven(const struct shared_store *store)
{
    return atomic_load_explicit(&store->path_len, memory_order_relaxed) != 0;
}

/* Such a path, put into memory[EXIST_PATH_MAX]; empty: there is none. */
struct str shared_proven(struct shared *s, const struct shared_store *store, char *memory);

/* How many errors it takes until it is down; 0: it is. */
unsigned shared_chances(const struct shared_store *store);

#endif
