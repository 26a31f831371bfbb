/*
 * The stores that were ever named, by number; whether each is down; what is counted for each.
 *
 * Numbers are given by the control thread. All else but the atomics is the prober's.
 */
#ifndef EXIST_STORES_H
#define EXIST_STORES_H

#include "exist/exist.h"

#include <stdatomic.h>

#define STORES_MAX 8192
#define STORES_URL_MAX (SNAPSHOT_URL_MAX + 64)
#define STORES_DOWN_AFTER 3 /* errors in a row */

struct flight;

struct store {
    char *url; /* a digest follows, or a path */
    size_t len;
    uint32_t number;
    bool by_path; /* its keys are hashes of paths */

    /* Flights, of "exist/flights.h". */
    struct flight *queue; /* asked, and waiting for their turn */
    struct flight **queue_end;
    uint32_t queued;
    uint32_t running; /* but for watches and trials: */
    uint32_t checking;

    /* Health. */
    unsigned errors; /* in a row */
    int64_t last_ok; /* when it last gave a usable answer; 0: never */
    int64_t checked; /* when the last watch or trial began */
    int64_t next;    /* when the next is due */
    bool watched;    /* clients are redirected to it */
    double tokens;   /* for re-checks, as many as were left when it was */
    int64_t refilled;
    struct digest recent; /* for watches and trials; size 0: none */
    char *recent_path;    /* of which that is the key, by_path; NULL: none */
    bool proven;          /* of that path, the store has said whether it is there */

    _Atomic uint64_t heads[4]; /* as exist_store_stats */
    _Atomic uint64_t latency[EXIST_BUCKETS];
    _Atomic uint64_t latency_ns;
};

struct stores {
    _Atomic uint32_t n;
    struct store **store;  /* STORES_MAX */
    _Atomic uint8_t *down; /* STORES_MAX; workers read it with every look-up */
};

bool stores_open(struct stores *s);
void stores_close(struct stores *s);

/* The number of a URL, for the control thread; UINT32_MAX: there are too many, or it is too long.
 */
uint32_t stores_number(struct stores *s, struct str url, bool by_path);

/* What watches and trials ask for from now on. False: no memory, and nothing has changed. */
bool stores_note_recent(struct store *store, const struct digest *key, struct str path);

static inline uint32_t stores_count(const struct stores *s)
{
    return atomic_load_explicit(&s->n, memory_order_acquire);
}

static inline bool stores_is_down(const struct stores *s, uint32_t number)
{
    return atomic_load_explicit(&s->down[number], memory_order_relaxed) != 0;
}

/* One HEAD has ended so: counts it, and follows whether the store is alive. why is for the log. */
enum stores_change { STORES_SAME, STORES_WENT_DOWN, STORES_CAME_UP };
enum stores_change stores_note(struct stores *s, struct store *store, enum exist_state state,
                               const char *why, int64_t now);
void stores_note_latency(struct store *store, int64_t duration);

/* One HEAD has had an answer that is of no use, and that may be the fault of its path: it counts as
 * an error, but not against the store, which is alive if nothing better is known of it. */
enum stores_change stores_note_odd(struct stores *s, struct store *store);

/* A question that was not asked, for want of room. */
void stores_note_refused(struct store *store);

#endif
