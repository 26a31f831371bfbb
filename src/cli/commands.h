/*
 * The subcommands: one file each, X.c exporting X_main(). argv[0] is "archeio SUBCOMMAND", with
 * which getopt's messages begin. They return the exit code, as cli_main().
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int serve_main(int argc, char **argv);
int check_config_main(int argc, char **argv);
int config_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int convert_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int ranges_main(int argc, char **argv);
int compile_main(int argc, char **argv);

#endif
