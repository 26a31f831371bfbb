/*
 * What `archeio serve` is confined to: which of its files the configuration names.
 */
#ifndef CLI_CONFINEMENT_H
#define CLI_CONFINEMENT_H

#include "config/config.h"

/* For server_hooks.confine. file and snapshot may be NULL. Warns of what a reload will find that it
 * may not read. False: it has logged why. */
bool confinement_begin(const struct config *c, const char *file, const char *snapshot);

/* For a reload: whether what c names may still be read. Errors in d. */
bool confinement_permits(const struct config *c, struct diag *d);

#endif
