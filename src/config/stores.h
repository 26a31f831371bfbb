/*
 * The list of stores.
 */
#ifndef CONFIG_STORES_H
#define CONFIG_STORES_H

#include "config/reader.h"

/* The keys of a store, in the order in which they are written. */
#define STORES_KEYS 3
struct stores_key {
    const char *name;
    const char *help;
};
extern const struct stores_key stores_keys[STORES_KEYS];

/* Reads a list of stores in the place of the configuration's. False: errors are in r->d. */
bool stores_read(struct reader *r, const struct document_node *list);

/* Replaces the URL of the first store that serves "default". */
bool stores_replace_default(struct reader *r, const struct document_node *url);

void stores_free(struct config_store *stores, size_t n);

#endif
