/*
 * The list of routes: conditions, and where requests lead for which all of them hold.
 */
#ifndef CONFIG_ROUTES_H
#define CONFIG_ROUTES_H

#include "config/keys.h"

/* In the place of a store's name: those that serve the client's network. */
#define ROUTES_STORES "stores"

#define ROUTES_SHARE_ALL 10000U /* hundredths of a percent */

/* The keys of a route, of its conditions, and of a target that is a mapping. */
extern const struct keys routes_keys;
extern const struct keys routes_when_keys;
extern const struct keys routes_to_keys;

/* The words for kinds of paths, in the order of enum path_kind, and for methods, in that of enum
 * decide_method; both end with NULL. */
extern const char *const routes_kinds[];
extern const char *const routes_methods[];

/* Reads a list in the place of the configuration's. False: errors are in r->d. Whether names in it
 * are known is not looked at ("config/routes_check.h"). */
bool routes_read(struct reader *r, const struct document_node *list);
void routes_clear(struct config *c);

/* "5%", "0.25%": hundredths of a percent, more than none. */
const char *routes_share(struct str text, uint32_t *out);

#endif
