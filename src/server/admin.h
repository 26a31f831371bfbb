/*
 * The admin listener, on the control thread: GET /metrics, /healthz, /readyz ("server/pages.h").
 */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

#include "server/control.h"

/* Sets s->admin; NULL if it is off, or the default address is taken (a warning says so). False: it
 * cannot listen, and has said why. */
bool admin_open(struct control *s, const struct config_server *config);

#endif
