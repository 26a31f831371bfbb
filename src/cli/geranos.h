/*
 * `geranos SUBCOMMAND ...`: finds the subcommand, reads its options and runs it.
 */
#ifndef CLI_GERANOS_H
#define CLI_GERANOS_H

#include "cli/geranos_options.h"

/* Returns the exit code: 0 it was done, 1 something failed (lines say what), 2 wrong usage, 128 and
 * a signal's number if that ended it. */
int geranos_main(int argc, char **argv);

struct geranos_command {
    const char *name;
    int (*run)(const struct geranos_options *o); /* returns the exit code */
    const char *what;                            /* in a line, for people */
    struct geranos_options_usage usage;
};

/* All of them, in the order of --help; ends with a name of NULL. */
extern const struct geranos_command geranos_commands[];

/* The subcommands. */
int geranos_sync_main(const struct geranos_options *o);
int geranos_sync_plan_main(const struct geranos_options *o);
int geranos_verify_main(const struct geranos_options *o);
int geranos_audit_main(const struct geranos_options *o);
int geranos_index_main(const struct geranos_options *o);

#endif
