#include "server/generation.h"

#include <stdlib.h>

/* The listed proxies as a table. */
static bool build_proxies(struct generation *g, const struct config_server *server)
{
    size_t n = server->trusted_proxies.n;
    struct lpm_entry *entries = calloc(n + 1, sizeof(*entries));
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        entries[i].prefix = server->trusted_proxies.prefix[i];
    bool built = lookup_build(&g->proxies, entries, n);
    free(entries);
    return built;
}

static bool number_stores(struct generation *g, struct exist *exist)
{
    g->store_id = calloc(g->snapshot.n_stores + 1, sizeof(*g->store_id));
    if (g->store_id == NULL)
        return false;
    for (uint32_t i = 0; i < g->snapshot.n_stores; i++)
        g->store_id[i] = exist_store(exist, snapshot_store(&g->snapshot, i).objects);
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

struct generation *generation_new(uint64_t number, struct config *config,
                                  const struct compile_image *image, struct exist *exist,
                                  unsigned workers)
{
    struct generation *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->number = number;
    g->snapshot = image->snapshot;
    g->header_timeout = config->server.header_timeout;
    g->idle_timeout = config->server.idle_timeout;
    g->write_timeout = config->server.write_timeout;
    g->wait = config->existence.wait;
    if (!build_proxies(g, &config->server) || !number_stores(g, exist) ||
        !make_counters(g, workers)) {
        generation_free(g);
        return NULL;
    }
    g->rules = (struct client_rules){config->server.client_address, &g->proxies.table};
    g->config = config;
    g->image = *image;
    return g;
}

void generation_free(struct generation *g)
{
    if (g == NULL)
        return;
    free(g->answered);
    free(g->store_id);
    lookup_release(&g->proxies);
    if (g->image.data != NULL)
        compile_release(&g->image);
    if (g->config != NULL)
        config_free(g->config);
    free(g);
}
