/*
 * Routes, providers and upstreams of the configuration, in the snapshot builder's terms.
 */
#ifndef RANGES_ROUTING_H
#define RANGES_ROUTING_H

#include "config/config.h"
#include "policy/policy.h"

struct routing_block;

/* Views of the configuration, in memory of its own. */
struct routing {
    struct policy_upstream *upstreams; /* that of `upstream` first; none if there are no routes */
    size_t n_upstreams;
    struct policy_provider *providers;
    size_t n_providers;
    struct policy_route *routes;
    size_t n_routes;
    uint32_t *asns; /* all that routes and providers name, in ascending order, each once */
    size_t n_asns;
    struct prefix *inside; /* all prefixes that routes name */
    size_t n_inside;
    struct routing_block *block; /* private */
};

/* The names in c are known (check_config() has passed). Out of memory ends the program. */
void routing_make(const struct config *c, struct routing *out);
void routing_release(struct routing *r);

#endif
