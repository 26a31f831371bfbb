/*
 * The conditions of a route.
 */
#ifndef CONFIG_WHEN_H
#define CONFIG_WHEN_H

#include "config/keys.h"

#define WHEN_SHARE_ALL 10000U /* hundredths of a percent */

/* The conditions, in the order in which they are written. */
extern const struct keys when_keys;

/* The words for kinds of paths, in the order of enum path_kind, and for methods, in that of enum
 * decide_method; both end with NULL. */
extern const char *const when_kinds[];
extern const char *const when_methods[];

/* What holds for every request. */
#define WHEN_ALWAYS                                                                                \
    {                                                                                              \
        .share = WHEN_SHARE_ALL                                                                    \
    }

/* Adds a mapping's conditions to w, which when_clear() releases. False: errors are in r->d. Whether
 * names in it are known is not looked at ("config/routes_check.h"). */
bool when_read(struct reader *r, const struct document_node *node, struct config_when *w);
void when_clear(struct config_when *w);

/* A header field's value, or the beginning of one and '*'. NULL, or what was expected. */
const char *when_check_value(struct str text);

/* "5%", "0.25%": hundredths of a percent, more than none. NULL, or what was expected. */
const char *when_share(struct str text, uint32_t *out);

#endif
