/*
 * `geranos SUBCOMMAND ...`: finds the subcommand and runs it.
 */
#ifndef CLI_GERANOS_H
#define CLI_GERANOS_H

/* Returns the exit code: 0 everything is there, 1 something failed (lines say what), 2 wrong usage.
 */
int geranos_main(int argc, char **argv);

/* The subcommands; argv[0] is "geranos SUBCOMMAND". */
int geranos_sync_main(int argc, char **argv);
int geranos_sync_plan_main(int argc, char **argv);

#endif
