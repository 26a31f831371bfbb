#include "server/generation.h"

#include "policy/image.h"
#include "server/decide_listener.h"

#include <stdlib.h>

static bool build_tables(struct generation *g, const struct config *config)
{
    return lookup_build_prefixes(&g->proxies, &config->server.trusted_proxies) &&
           lookup_build_prefixes(&g->exempt, &config->rate_limit.exempt);
}

static void set_limit(struct generation *g, const struct config_rate_limit *limit)
{
    g->limited = limit->rate > 0;
    if (g->limited)
        g->limit = ratelimit_rules(limit->rate, limit->burst, &g->exempt.table);
}

static bool number_stores(struct generation *g, struct exist *exist)
{
    g->store_id = calloc(g->snapshot.n_stores + 1, sizeof(*g->store_id));
    g->path_store_id = calloc(g->snapshot.n_stores + 1, sizeof(*g->path_store_id));
    g->indexed = calloc(g->snapshot.n_stores + 1, sizeof(*g->indexed));
    if (g->store_id == NULL || g->path_store_id == NULL || g->indexed == NULL)
        return false;
    for (uint32_t i = 0; i < g->snapshot.n_stores; i++) {
        struct snapshot_store store = snapshot_store(&g->snapshot, i);
        g->store_id[i] = exist_store(exist, store.objects);
        g->path_store_id[i] =
            g->snapshot.n_routes > 0 ? exist_store_of_paths(exist, store.base) : UINT32_MAX;
        if (store.indexed && g->store_id[i] != UINT32_MAX)
            g->indexed[g->n_indexed++] = g->store_id[i];
    }
    return true;
}

static bool make_counters(struct generation *g, unsigned workers)
{
    g->workers = workers;
    g->answered_size = counters_answered_size(&g->snapshot);
    size_t bytes = workers * g->answered_size * sizeof(*g->answered);
    g->answered = aligned_alloc(64, bytes);
    if (g->answered != NULL)
        memset(g->answered, 0, bytes);
    return g->answered != NULL;
}

/* Requests that came before a reload are known by the same names as before, if those are alike. */
static void number_names(struct http_request_wanted *wanted)
{
    wanted->id = wanted->n;
    for (uint32_t i = 0; i < wanted->n; i++)
        wanted->id = image_hash(wanted->name[i].data, wanted->name[i].len, wanted->id);
}

static void set_wanted(struct generation *g)
{
    struct http_request_wanted *wanted = &g->wanted;
    wanted->n = 0;
    for (uint32_t i = 0; i < g->snapshot.n_headers; i++)
        wanted->name[wanted->n++] = snapshot_header(&g->snapshot, i);
    if (g->rules.mode == CLIENT_X_REAL_IP)
        wanted->name[wanted->n++] = STR("x-real-ip");
    number_names(wanted);
    decide_listener_want(&g->asked, &g->snapshot);
    number_names(&g->asked);
}

struct generation *generation_new(uint64_t number, const struct generation_parts *parts,
                                  struct exist *exist, unsigned workers)
{
    struct config *config = parts->config;
    struct generation *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->number = number;
    g->snapshot = parts->image.snapshot;
    g->header_timeout = config->server.header_timeout;
    g->idle_timeout = config->server.idle_timeout;
    g->write_timeout = config->server.write_timeout;
    g->wait = config->existence.wait;
    if (!build_tables(g, config) || !number_stores(g, exist) || !make_counters(g, workers)) {
        generation_free(g);
        return NULL;
    }
    set_limit(g, &config->rate_limit);
    g->rules = (struct client_rules){config->server.client_address, &g->proxies.table};
    set_wanted(g);
    g->config = config;
    g->image = parts->image;
    g->listen = parts->listen;
    return g;
}

void generation_free(struct generation *g)
{
    if (g == NULL)
        return;
    free(g->answered);
    free(g->store_id);
    free(g->path_store_id);
    free(g->indexed);
    listen_rules_release(g->listen);
    lookup_release(&g->proxies);
    lookup_release(&g->exempt);
    if (g->image.data != NULL)
        compile_release(&g->image);
    if (g->config != NULL)
        config_free(g->config);
    free(g);
}
