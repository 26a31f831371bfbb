/*
 * `archeio SUBCOMMAND ...`: finds the subcommand and runs it.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Returns the exit code: 0 fine, 1 it could not be done (a line says why), 2 wrong usage. No
 * subcommand means serve. */
int cli_main(int argc, char **argv);

/* Prints "archeio SUBCOMMAND: MESSAGE", as getopt does, and where the usage is to be had, to
 * standard error; returns 2, the exit code. command: "archeio SUBCOMMAND". */
int cli_misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of what getopt returned for no option with a meaning of its own: 'h' prints the usage to standard
 * output and returns 0; '?', of which getopt has said what is wrong, is as cli_misuse(). */
int cli_help(const char *command, const char *usage, int option);

/* For cli_misuse(), where an argument may be meant to be the configuration. */
#define CLI_NO_ARGUMENT "unexpected argument \"%s\"; a configuration is named by --config"

struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv); /* as in cli/commands.h */
    const char *what;                  /* in a line, for people */
};

/* All of them, in the order of --help; ends with a name of NULL. */
extern const struct cli_command cli_commands[];

#endif
