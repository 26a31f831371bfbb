/*
 * Who the providers are: a mapping of names to lists of clouds and autonomous systems.
 */
#ifndef CONFIG_PROVIDERS_H
#define CONFIG_PROVIDERS_H

#include "config/reader.h"

#define PROVIDERS_MAX 4096

/* Reads the mapping in the place of the configuration's. False: errors are in r->d. */
bool providers_read(struct reader *r, const struct document_node *map);
void providers_clear(struct config *c);

#endif
