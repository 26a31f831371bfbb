#include "cli/cli.h"

#include "cli/commands.h"
#include "sys/diag.h"
#include "sys/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct cli_command cli_commands[] = {
    {"serve", serve_main, "answer pull requests (what is done without a subcommand)"},
    {"check-config", check_config_main, "find everything that is wrong with a configuration"},
    {"config", config_main, "print the effective configuration, and where each value is from"},
    {"explain", explain_main, "show step by step how a request is answered"},
    {"diff", diff_main, "tell which requests another configuration answers differently"},
    {"ranges", ranges_main, "update, look up and show the clouds' address ranges"},
    {"compile", compile_main, "write a snapshot: for serve, nginx, or (--wasm) Envoy"},
    {"convert", convert_main, "make a configuration of one of the ArtifactServer"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    fputs("usage: archeio [SUBCOMMAND] [OPTION]...\n"
          "\n"
          "A redirect server in front of a container registry: clients fetch blobs\n"
          "from the copy that is nearest to them.\n"
          "\n",
          stdout);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        printf("  %-13s %s\n", c->name, c->what);
    fputs("  help          print this text, or that of a subcommand\n"
          "\n"
          "  -h, --help     this text\n"
          "  -V, --version  the version\n"
          "\n"
          "`archeio SUBCOMMAND --help` says more. Exit codes: 0 fine, 1 it could not be\n"
          "done (a line says why), 2 wrong usage; those of diff are diff(1)'s.\n",
          stdout);
    return 0;
}

static const struct cli_command *find(const char *name)
{
    const struct cli_command *c = cli_commands;
    while (c->name != NULL && strcmp(c->name, name) != 0)
        c++;
    return c->name != NULL ? c : NULL;
}

static int unknown(const char *name)
{
    const char *names[sizeof(cli_commands) / sizeof(cli_commands[0])];
    size_t n = 0;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        names[n++] = c->name;
    const char *nearest = diag_nearest(name, names, n);
    if (nearest != NULL)
        fprintf(stderr, "archeio: there is no subcommand \"%s\"; did you mean \"%s\"?\n", name,
                nearest);
    else
        fprintf(stderr, "archeio: there is no subcommand \"%s\"; `archeio --help` lists them\n",
                name);
    return 2;
}

static int run_as(const char *name, int argc, char **argv)
{
    char command[64];
    const struct cli_command *c = find(name);
    if (c == NULL)
        return unknown(name);
    snprintf(command, sizeof(command), "archeio %s", name);
    argv[0] = command;
    return c->run(argc, argv);
}

static int point_at_help(const char *command)
{
    fprintf(stderr, "`%s --help` says what is right.\n", command);
    return 2;
}

int cli_misuse(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return point_at_help(command);
}

int cli_help(const char *command, const char *usage, int option)
{
    if (option != 'h')
        return point_at_help(command);
    fputs(usage, stdout);
    return 0;
}

static int run(int argc, char **argv)
{
    char option[] = "--help";
    const char *first = argc > 1 ? argv[1] : "serve";
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return help();
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        return puts("archeio " ARCHEIO_VERSION) < 0 ? 1 : 0;
    if (strcmp(first, "help") == 0)
        return argc > 2 && argv[2][0] != '-' ? run_as(argv[2], 2, (char *[]){NULL, option, NULL})
                                             : help();
    if (argc < 2 || first[0] == '-') /* `archeio --config FILE` is serve's, too */
        return run_as("serve", argc > 0 ? argc : 1, argc > 0 ? argv : (char *[]){NULL, NULL});
    return run_as(first, argc - 1, argv + 1);
}

int cli_main(int argc, char **argv)
{
    log_init("archeio", LOG_LEVEL_INFO);
    int code = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    log_error("standard output cannot be written");
    return code != 0 ? code : 1;
}
