#include "config/config.h"

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/manual_page.h"
#include "config/dump.h"
#include "config/manual.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio config [--config FILE]\n"
    "       archeio config --sample | --markdown | --man PAGE\n"
    "\n"
    "Prints the effective configuration as YAML, every setting with where its\n"
    "value comes from: default, preset, file and line, or environment. Read\n"
    "back, it is the same configuration.\n"
    "\n"
    "  -c, --config FILE   the configuration (default: what ARCHEIO_CONFIG\n"
    "                      names; else the built-in one)\n"
    "  --sample            print a commented sample file instead\n"
    "  --markdown          print the table of settings for the README instead\n"
    "  --man PAGE          print a manual page instead: archeio.1 or\n"
    "                      archeio.yaml.5\n"
    "  -h, --help          this text\n";

static int show(const char *file)
{
    struct diag d = {0};
    struct config *c = config_load(file, environ, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    if (c == NULL)
        return 1;
    dump_config(c, stdout);
    config_free(c);
    return 0;
}

static int show_manual(const char *command, const char *page)
{
    if (strcmp(page, "archeio.1") == 0) {
        manual_page_write(stdout);
        return 0;
    }
    if (strcmp(page, "archeio.yaml.5") == 0) {
        manual_settings(stdout);
        return 0;
    }
    return cli_misuse(command, "there is no manual page \"%s\"", page);
}

int config_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"sample", no_argument, NULL, 's'},
        {"markdown", no_argument, NULL, 'm'},     {"man", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    const char *file = getenv("ARCHEIO_CONFIG"), *page = NULL;
    bool sample = false, markdown = false;
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (c == 'c') {
            file = optarg;
        } else if (c == 's') {
            sample = true;
        } else if (c == 'm') {
            markdown = true;
        } else if (c == 'p') {
            page = optarg;
        } else {
            return cli_help(argv[0], usage, c);
        }
    }
    if (optind < argc)
        return cli_misuse(argv[0], CLI_NO_ARGUMENT, argv[optind]);
    if (page != NULL)
        return show_manual(argv[0], page);
    if (sample)
        manual_sample(stdout);
    else if (markdown)
        manual_markdown(stdout);
    return sample || markdown ? 0 : show(file);
}
