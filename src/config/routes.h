/*
 * The list of routes: conditions, and where requests lead for which all of them hold.
 */
#ifndef CONFIG_ROUTES_H
#define CONFIG_ROUTES_H

#include "config/keys.h"

/* The keys of a route ("config/when.h" and "config/to.h" have those of its parts). */
extern const struct keys routes_keys;

/* Reads a list in the place of the configuration's. False: errors are in r->d. Whether names in it
 * are known is not looked at ("config/routes_check.h"). */
bool routes_read(struct reader *r, const struct document_node *list);
void routes_clear(struct config *c);

#endif
