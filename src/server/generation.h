/*
 * A generation: the snapshot and the settings that requests are answered with, until a reload or
 * an update brings the next one; and what was counted under it, by the snapshot's own numbers.
 *
 * The control thread makes and frees generations. A worker uses one from one turn of its loop to
 * the next and then says which it has gone over to (worker.h), so that nothing is locked and the
 * old one is freed when nobody can see it any more.
 */
#ifndef SERVER_GENERATION_H
#define SERVER_GENERATION_H

#include "config/config.h"
#include "exist/exist.h"
#include "http/http_request.h"
#include "ranges/compile.h"
#include "ranges/lookup.h"
#include "server/counters.h"
#include "server/listen.h"
#include "server/ratelimit.h"

struct generation {
    uint64_t number; /* from 1 */
    struct snapshot snapshot;
    struct client_rules rules;
    struct http_request_wanted wanted; /* the snapshot's headers, and X-Real-Ip if it counts */
    struct http_request_wanted asked;  /* those of questions: "server/decide_listener.h" */
    struct listen_rules *listen;       /* owned, with others */
    uint32_t *store_id;                /* exist_store() of each store */
    uint32_t *path_store_id;           /* exist_store_of_paths() of each */
    uint32_t *indexed;                 /* of those whose indexes are believed */
    size_t n_indexed;
    uint64_t *answered; /* of each worker, counters_answered_size() numbers */
    size_t answered_size;
    unsigned workers;
    int64_t header_timeout;
    int64_t idle_timeout;
    int64_t write_timeout;
    int64_t wait;
    bool limited; /* by these: */
    struct ratelimit_rules limit;

    struct config *config; /* owned, as what follows */
    struct compile_image image;
    struct lookup proxies;
    struct lookup exempt;
};

/* What one is made of. */
struct generation_parts {
    struct config *config;
    struct compile_image image;
    struct listen_rules *listen;
};

/* Takes ownership of the parts if it can be made. NULL: no memory, and nothing was taken. */
struct generation *generation_new(uint64_t number, const struct generation_parts *parts,
                                  struct exist *exist, unsigned workers);
void generation_free(struct generation *g);

/* What one worker has answered under it. */
static inline struct counters_answered generation_answered(const struct generation *g,
                                                           unsigned worker)
{
    return counters_answered_at(g->answered + worker * g->answered_size, &g->snapshot);
}

#endif
