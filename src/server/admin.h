/*
 * The admin listener, on the control thread: GET /metrics, /healthz, /readyz. One request a
 * connection; few connections at once.
 */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

#include "server/control.h"

/* Sets s->admin; NULL if it is off, or the default address is taken (a warning says so). False: it
 * cannot listen, and has said why. */
bool admin_open(struct control *s, const struct config_server *config);

/* NULL is harmless for both; the address as text, valid until it is closed. */
const char *admin_address(const struct admin *a);
void admin_close(struct admin *a);

#endif
