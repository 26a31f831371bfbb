/*
 * The list of registries that routes may name.
 */
#ifndef CONFIG_UPSTREAMS_H
#define CONFIG_UPSTREAMS_H

#include "config/keys.h"

/* What routes call the registry of `upstream`. */
#define UPSTREAMS_OWN "upstream"

/* The keys of an upstream, in the order in which they are written. */
extern const struct keys upstreams_keys;

/* Reads a list in the place of the configuration's. False: errors are in r->d. */
bool upstreams_read(struct reader *r, const struct document_node *list);
void upstreams_clear(struct config *c);

#endif
