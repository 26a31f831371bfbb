#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ranges_commands.h"
#include "config/config.h"
#include "sys/log.h"
#include "sys/xalloc.h"
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio ranges update [--config FILE] [--directory DIR]\n"
    "       archeio ranges lookup [--config FILE]\n"
    "                             [--directory DIR | --snapshot FILE] ADDRESS...\n"
    "       archeio ranges show   [--config FILE] [--directory DIR] [ADDRESS...]\n"
    "\n"
    "update  downloads the published ranges of AWS, GCP and Azure and prints\n"
    "        what changed\n"
    "lookup  prints ADDRESS, CLOUD, REGION and PREFIX, separated by tabs; \"-\"\n"
    "        for what is unknown; an ADDRESS of \"-\" reads addresses from\n"
    "        standard input, one a line\n"
    "show    prints what the directory holds; of each ADDRESS the cloud, the\n"
    "        autonomous system and the providers\n"
    "\n"
    "  -c, --config FILE     the configuration (default: what ARCHEIO_CONFIG\n"
    "                        names; else the built-in one)\n"
    "  -d, --directory DIR   the ranges directory, instead of the\n"
    "                        configuration's\n"
    "  -s, --snapshot FILE   a file that `archeio compile` wrote, instead of the\n"
    "                        directory\n"
    "  -h, --help            this text\n";

char *ranges_commands_directory(const struct ranges_commands_options *o, unsigned *max_shrink)
{
    struct diag d = {0};
    char *directory = NULL;
    if (o->directory != NULL && max_shrink == NULL)
        return xalloc_text(o->directory);
    struct config *c = config_load(o->config, environ, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    if (c != NULL) {
        directory = xalloc_text(o->directory != NULL ? o->directory : c->ranges.directory);
        if (max_shrink != NULL)
            *max_shrink = c->ranges.max_shrink;
    }
    config_free(c);
    return directory;
}

struct ranges *ranges_commands_load(const struct ranges_commands_options *o, struct lookup *lookup)
{
    struct diag d = {0};
    char *directory = ranges_commands_directory(o, NULL);
    *lookup = (struct lookup){.image = NULL};
    if (directory == NULL)
        return NULL;
    struct ranges *r = ranges_load(directory, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    free(directory);
    if (r->n_files > 0 || r->n_refused == 0) {
        if (lookup_build_ranges(lookup, r))
            return r;
        log_error("there is no memory for a table of %zu prefixes", r->n_ranges);
    }
    ranges_free(r);
    return NULL;
}

struct command {
    const char *name;
    int (*run)(const struct ranges_commands_options *o);
    bool snapshot; /* takes --snapshot */
    enum { NONE, SOME, ANY } arguments;
};

static const struct command commands[] = {
    {"update", ranges_update, false, NONE},
    {"lookup", ranges_lookup, true, SOME},
    {"show", ranges_show, false, ANY},
};

/* False: not to be gone on with; *code is then the exit code. */
static bool read_options(int argc, char **argv, struct ranges_commands_options *o, int *code)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"directory", required_argument, NULL, 'd'},
                                            {"snapshot", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "c:d:s:h", options, NULL)) != -1) {
        if (c == 'c')
            o->config = optarg;
        else if (c == 'd')
            o->directory = optarg;
        else if (c == 's')
            o->snapshot = optarg;
        else {
            *code = cli_help(argv[0], usage, c);
            return false;
        }
    }
    o->arguments = argv + optind;
    o->n_arguments = argc - optind;
    return true;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct ranges_commands_options o = {.config = getenv("ARCHEIO_CONFIG")};
    int code;
    if (!read_options(argc, argv, &o, &code))
        return code;
    if (o.snapshot != NULL && !command->snapshot)
        return cli_misuse(argv[0], "--snapshot is for lookup, not for %s", command->name);
    if (o.snapshot != NULL && o.directory != NULL)
        return cli_misuse(argv[0], "either --snapshot or --directory, not both");
    if (command->arguments == SOME && o.n_arguments == 0)
        return cli_misuse(argv[0], "an address is missing");
    if (command->arguments == NONE && o.n_arguments > 0)
        return cli_misuse(argv[0], "unexpected argument \"%s\"", o.arguments[0]);
    return command->run(&o);
}

int ranges_main(int argc, char **argv)
{
    if (argc < 2)
        return cli_misuse(argv[0], "a command is missing");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cli_help(argv[0], usage, 'h');
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            argv[1] = argv[0];
            return run_command(&commands[i], argc - 1, argv + 1);
        }
    return cli_misuse(argv[0], "there is no command \"%s\"", argv[1]);
}
