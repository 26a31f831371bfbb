/*
 * Which addresses are this server's own: those that its listeners have.
 */
#ifndef CONFIG_OWN_H
#define CONFIG_OWN_H

#include "config/config.h"

#include <archeio/str.h>

/* The host and port of a URL that value_page_url() found good; host is a view into it. */
struct own_authority {
    struct str host; /* without brackets */
    uint64_t port;   /* the scheme's, where the URL has none */
};
struct own_authority own_authority(const char *url);

/* Does it surely lead to a listener of ours? The setting that says so, or NULL. Names other than
 * localhost are not looked up. */
const char *own_listener(const struct config *c, const struct own_authority *to);

/* Is a URL with that port one that leads here, if its host does: a listener's, or one of those that
 * proxies and load balancers have? */
bool own_port(const struct config *c, uint64_t port);

/* Errors in d: two listeners that cannot both have their address. */
void own_check(const struct config *c, struct diag *d);

#endif
