#include "config/config.h"

#include "cli/check_ranges.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/confinement.h"
#include "cli/online.h"
#include "config/check.h"
#include "config/schema.h"
#include "server/listen.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] = "usage: archeio check-config [--online] [FILE | --config FILE]\n"
                            "\n"
                            "Prints everything that is wrong with a configuration (FILE, or what\n"
                            "ARCHEIO_CONFIG names, or the built-in one) and the environment, and\n"
                            "warns of what will hardly work. Exit code 1 if anything is wrong.\n"
                            "\n"
                            "  -o, --online        ask the upstream and every store, too\n"
                            "  -c, --config FILE   the same as FILE\n"
                            "  -h, --help          this text\n";

/* A warning only: the service manager may make it where the server will run. */
static void check_log(const struct config *c, struct diag *d)
{
    struct stat st;
    if (c->log.access[0] != '/')
        return;
    char *copy = xalloc_text(c->log.access);
    const char *directory = dirname(copy);
    if (stat(directory, &st) != 0)
        diag_warning(d, config_at(&c->origins[schema_find("log.access")]),
                     "log.access: the directory \"%s\" cannot be used here (%s); without it serve "
                     "does not start",
                     directory, strerror(errno));
    free(copy);
}

/* Certificates and keys: opened as whoever runs this, and if that is root, as whom serve becomes.
 */
static void check_listeners(const struct config *c, struct diag *d)
{
    listen_rules_release(listen_rules_new(&c->server, NULL, d));
    confinement_foresee(c, d);
}

static void say_number(size_t n, const char *what)
{
    printf("%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void say_it_is_fine(const char *name, const struct config *c)
{
    size_t places = 0;
    for (size_t i = 0; i < c->n_stores; i++)
        places += c->stores[i].n_serves;
    printf("%s is fine: %s, ", name, c->upstream.endpoint);
    say_number(c->n_stores, "store");
    if (places > 0) {
        printf(" for ");
        say_number(places, "place");
    }
    if (c->n_routes > 0) {
        printf(", ");
        say_number(c->n_routes, "route");
    }
    printf("\n");
}

static int check(const char *file, bool online)
{
    struct diag d = {0};
    struct config *c = config_load(file, environ, &d);
    if (c != NULL) {
        check_advise(c, &d);
        check_ranges(c, &d);
        check_listeners(c, &d);
        check_log(c, &d);
    }
    if (c != NULL && online)
        online_check(c, &d);
    bool fine = c != NULL && d.n_errors == 0;
    diag_print(&d, stderr);
    diag_clear(&d);
    if (fine)
        say_it_is_fine(file != NULL ? file : "the built-in configuration", c);
    config_free(c);
    return fine ? 0 : 1;
}

int check_config_main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"online", no_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *file = getenv("ARCHEIO_CONFIG");
    bool online = false;
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "c:oh", options, NULL)) != -1) {
        if (c == 'c') {
            file = optarg;
        } else if (c == 'o') {
            online = true;
        } else {
            return cli_help(argv[0], usage, c);
        }
    }
    if (optind < argc)
        file = argv[optind++];
    if (optind < argc)
        return cli_misuse(argv[0], "unexpected argument \"%s\"", argv[optind]);
    return check(file, online);
}
