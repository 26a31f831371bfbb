/*
 * From one generation to the next: reloads and ranges updates.
 */
#ifndef SERVER_SWAP_H
#define SERVER_SWAP_H

#include "server/control.h"

/* Makes the first generation current. Takes ownership; false: it has said why. */
bool swap_first(struct control *s, struct server_update *start);

/* SIGHUP: asks the hook, and goes over to what it brings. */
void swap_reload(struct control *s);

/* The background update has something. */
void swap_take(struct control *s);

/* Frees the retired generation, when no worker uses it any more. Call now and then. */
void swap_collect(struct control *s);

/* Releases all. */
void swap_close(struct control *s);

/* What the prober is to be told of a configuration. */
struct exist_options swap_exist_options(const struct config *c, unsigned workers);

#endif
