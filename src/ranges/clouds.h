/*
 * Clouds that the configuration names: does any file bring their networks?
 */
#ifndef RANGES_CLOUDS_H
#define RANGES_CLOUDS_H

#include "config/config.h"
#include "ranges/ranges.h"

/* Warnings in d, with positions, of those that are neither one of the three published ones nor in
 * r: such a name is misspelt more often than it is one of the user's own. */
void clouds_check(const struct config *c, const struct ranges *r, struct diag *d);

#endif
