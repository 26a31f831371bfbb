/*
 * The list of stores.
 */
#ifndef CONFIG_STORES_H
#define CONFIG_STORES_H

#include "config/keys.h"

/* The keys of a store, in the order in which they are written. */
extern const struct keys stores_keys;

/* Reads a list of stores in the place of the configuration's. False: errors are in r->d. */
bool stores_read(struct reader *r, const struct document_node *list);

/* Replaces the URL of the first store that serves "default". */
bool stores_replace_default(struct reader *r, const struct document_node *url);

/* NULL: none has that name. */
const struct config_store *stores_find(const struct config *c, const char *name);

void stores_free(struct config_store *stores, size_t n);

#endif
