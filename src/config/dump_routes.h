/*
 * `archeio config`: upstreams, providers and routes, as YAML that is read back as they are. o:
 * where the setting as a whole came from.
 */
#ifndef CONFIG_DUMP_ROUTES_H
#define CONFIG_DUMP_ROUTES_H

#include "config/config.h"

#include <stdio.h>

void dump_routes_upstreams(const struct config *c, const struct config_origin *o, FILE *to);
void dump_routes_providers(const struct config *c, const struct config_origin *o, FILE *to);
void dump_routes(const struct config *c, const struct config_origin *o, FILE *to);

#endif
