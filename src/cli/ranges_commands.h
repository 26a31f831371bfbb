/*
 * The three commands of `archeio ranges`, after their options were read.
 */
#ifndef CLI_RANGES_COMMANDS_H
#define CLI_RANGES_COMMANDS_H

#include "ranges/lookup.h"

struct ranges_commands_options {
    const char *config;    /* NULL: none given, as below */
    const char *directory; /* takes the place of the configuration's */
    const char *snapshot;  /* lookup: the table is this file's */
    char **arguments;      /* what follows the options */
    int n_arguments;
};

/* Each returns the exit code. */
int ranges_update(const struct ranges_commands_options *o);
int ranges_lookup(const struct ranges_commands_options *o);
int ranges_show(const struct ranges_commands_options *o);

/* The directory's name (free() it) and, unless NULL, max_shrink, from the options and the
 * configuration. NULL: the configuration is bad; it has been said. */
char *ranges_commands_directory(const struct ranges_commands_options *o, unsigned *max_shrink);

/* The directory's ranges (ranges_free() them) and their table (lookup_release() it); what is wrong
 * with them has been said. NULL as above, or if all that is there was refused, or if there is no
 * memory for the table. */
struct ranges *ranges_commands_load(const struct ranges_commands_options *o, struct lookup *lookup);

#endif
