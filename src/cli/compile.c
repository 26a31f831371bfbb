#include "ranges/compile.h"

#include "cli/cli.h"
#include "cli/commands.h"
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio compile [--config FILE] --output FILE\n"
    "\n"
    "Writes a snapshot of the configuration and the ranges, from which\n"
    "`archeio serve --snapshot` starts faster. Nothing is written if anything\n"
    "in them is wrong.\n"
    "\n"
    "  -c, --config FILE   the configuration (default: what ARCHEIO_CONFIG\n"
    "                      names; else the built-in one)\n"
    "  -o, --output FILE   the snapshot; one that is there is replaced in one\n"
    "                      step\n"
    "  -h, --help          this text\n";

static bool build(const char *file, struct compile_image *image, struct diag *d)
{
    struct config *c = config_load(file, environ, d);
    if (c == NULL)
        return false;
    struct ranges *r = ranges_load(c->ranges.directory, d);
    bool built = r->n_refused == 0 && compile_snapshot(c, r, image, d);
    ranges_free(r);
    config_free(c);
    return built;
}

static int compile(const char *file, const char *output)
{
    struct diag d = {0};
    struct compile_image image = {.data = NULL};
    bool written = build(file, &image, &d) && compile_write(&image, output, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    if (written) {
        const struct snapshot *s = &image.snapshot;
        printf("%s: %u store%s, %u network%s, %u prefixes, %zu bytes\n", output, s->n_stores,
               s->n_stores == 1 ? "" : "s", s->n_networks, s->n_networks == 1 ? "" : "s",
               lpm_count(&s->table, ADDR_V4) + lpm_count(&s->table, ADDR_V6), image.size);
    }
    compile_release(&image);
    return written && fflush(stdout) == 0 ? 0 : 1;
}

int compile_main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *file = getenv("ARCHEIO_CONFIG"), *output = NULL;
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1) {
        if (c == 'c') {
            file = optarg;
        } else if (c == 'o') {
            output = optarg;
        } else {
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind < argc)
        return cli_misuse(argv[0], usage, CLI_NO_ARGUMENT, argv[optind]);
    if (output == NULL)
        return cli_misuse(argv[0], usage, "--output is missing");
    return compile(file, output);
}
