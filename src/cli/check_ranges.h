/*
 * `archeio check-config`: whether what the configuration says of clients fits the files that say
 * whose their addresses are.
 */
#ifndef CLI_CHECK_RANGES_H
#define CLI_CHECK_RANGES_H

#include "config/config.h"

/* Warnings in d: clouds, regions and autonomous systems that no file in ranges.directory knows,
 * files that are refused. Where no range of a cloud is loaded, nothing is said of its regions. */
void check_ranges(const struct config *c, struct diag *d);

#endif
