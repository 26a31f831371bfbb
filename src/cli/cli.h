/*
 * `archeio SUBCOMMAND ...`: finds the subcommand and runs it.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Returns the exit code: 0 fine, 1 the world's fault, 2 wrong usage. No subcommand means serve. */
int cli_main(int argc, char **argv);

struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv); /* as in cli/commands.h */
    const char *what;                  /* in a line, for people */
};

/* All of them, in the order of --help; ends with a name of NULL. */
extern const struct cli_command cli_commands[];

#endif
