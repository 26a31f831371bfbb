/*
 * From one generation to the next: reloads and ranges updates.
 */
#ifndef SERVER_SWAP_H
#define SERVER_SWAP_H

#include "server/control.h"

/* Makes the first generation current. Takes ownership; false: it has said why. */
bool swap_first(struct control *s, struct server_update *start);

/* SIGHUP: asks the hook, and goes over to what it brings; swap_advance() does so later if workers
 * still use the generation before the current one. */
void swap_reload(struct control *s);

/* The background update has something, and says so until it is taken. */
void swap_take(struct control *s);

/* Goes on with what waits for the workers to leave the retired generation. Call now and then. */
void swap_advance(struct control *s);

/* Releases all. */
void swap_close(struct control *s);

/* What the prober is to be told of a configuration. */
struct exist_options swap_exist_options(const struct config *c, unsigned workers);

#endif
