#include "cli/geranos.h"

#include "sys/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"sync", geranos_sync_main, "copy what stores lack of a registry's blobs"},
    {"plan", geranos_sync_plan_main, "say what sync would copy"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(FILE *to)
{
    fputs("usage: geranos SUBCOMMAND [OPTIONS]\n"
          "\n"
          "Copies the content-addressed blobs of a container registry to object stores, where\n"
          "archeio sends clients.\n"
          "\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].what);
    fputs(
        "\n`geranos SUBCOMMAND --help` says more. Exit codes: 0 everything is there, 1 something\n"
        "failed (lines say what), 2 wrong usage.\n",
        to);
    return to == stdout ? 0 : 2;
}

int geranos_main(int argc, char **argv)
{
    char command[64];
    const char *name = argc > 1 ? argv[1] : "";
    log_init("geranos", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return puts("geranos " ARCHEIO_VERSION) < 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(stdout);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        snprintf(command, sizeof(command), "geranos %s", name);
        argv[1] = command;
        return commands[i].run(argc - 1, argv + 1);
    }
    if (name[0] != '\0')
        fprintf(stderr, "geranos: there is no subcommand \"%s\"\n", name);
    return help(stderr);
}
