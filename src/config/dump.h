/*
 * A configuration as a file again.
 */
#ifndef CONFIG_DUMP_H
#define CONFIG_DUMP_H

#include "config/config.h"
#include <stdio.h>

/* The effective configuration as YAML, every setting with a comment that says where its value came
 * from. Read back, it is the same configuration. */
void dump_config(const struct config *c, FILE *to);

#endif
