/*
 * What `archeio serve` is confined to: which of its files the configuration names.
 */
#ifndef CLI_CONFINEMENT_H
#define CLI_CONFINEMENT_H

#include "config/config.h"

/* For server_hooks.confine. file and snapshot may be NULL. Warns of what a reload will find that it
 * may not read. False, and it has logged why: it cannot be confined so, or may then not read its
 * certificates and keys. */
bool confinement_begin(const struct config *c, const char *file, const char *snapshot);

/* For a reload: whether what c names may still be read. snapshot: NULL, or instead of ranges.
 * Errors in d. */
bool confinement_permits(const struct config *c, const char *snapshot, struct diag *d);

/* For check-config: if root runs it, whether the user that serve would become may read certificates
 * and keys. Errors in d. */
void confinement_foresee(const struct config *c, struct diag *d);

#endif
