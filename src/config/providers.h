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

/* NULL: none has that name. */
const struct config_provider *providers_find(const struct config *c, const char *name);

/* Whether a network, which published ranges say is the cloud's (empty: nobody's), and routing data
 * say is the autonomous system's (0: nobody's), is that provider's: by its cloud, if any provider
 * has that, otherwise by its autonomous system ("policy/policy.h"). */
bool providers_have(const struct config *c, const struct config_provider *p, struct str cloud,
                    uint32_t asn);

#endif
