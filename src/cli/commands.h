/*
 * The subcommands: one file each, X.c exporting X_main(). argv[0] is the subcommand's own name.
 * They return the exit code: 0 fine, 1 the world's fault, 2 wrong usage.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int serve_main(int argc, char **argv);
int check_config_main(int argc, char **argv);
int config_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int ranges_main(int argc, char **argv);
int compile_main(int argc, char **argv);

#endif
