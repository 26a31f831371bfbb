/*
 * Where values came from, as comments at the ends of lines.
 */
#ifndef CONFIG_ORIGIN_H
#define CONFIG_ORIGIN_H

#include "config/config.h"

#include <stdio.h>

/* Ends a line of so many columns. */
void origin_end_line(const struct config_origin *o, size_t column, FILE *to);

#endif
