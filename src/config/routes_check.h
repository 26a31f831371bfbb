/*
 * What only shows when a route is seen beside the rest of the configuration.
 */
#ifndef CONFIG_ROUTES_CHECK_H
#define CONFIG_ROUTES_CHECK_H

#include "config/config.h"

/* Errors: names that nobody has, or two have; targets that lead back here; lists that end with
 * nowhere to go. Warnings: routes and targets that are never reached. */
void routes_check(const struct config *c, struct diag *d);

#endif
