/*
 * Where a route leads: names of stores and upstreams, URLs, and fixed answers.
 */
#ifndef CONFIG_TO_H
#define CONFIG_TO_H

#include "config/keys.h"

/* In the place of a store's name: those that serve the client's network. */
#define TO_STORES "stores"

/* The keys of a target that is a mapping. */
extern const struct keys to_keys;

/* Reads a target or a list of them into the route, whose targets to_clear() releases. False: errors
 * are in r->d. Whether names in it are known is not looked at ("config/routes_check.h"). */
bool to_read(struct reader *r, const struct document_node *node, struct config_route *route);
void to_clear(struct config_route *route);

#endif
