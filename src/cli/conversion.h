/*
 * From the ArtifactServer's backends to archeio's configuration.
 */
#ifndef CLI_CONVERSION_H
#define CLI_CONVERSION_H

#include "cli/backends.h"
#include <stdio.h>

/* Writes a configuration that gives the same answers; there is at least one backend. What of them
 * is of no effect is warned of. */
void conversion_write(const struct backends *b, FILE *to, struct diag *d);

#endif
