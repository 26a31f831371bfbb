#include "config/config.h"

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/confinement.h"
#include "cli/online.h"
#include "config/check.h"
#include "config/schema.h"
#include "ranges/ranges.h"
#include "server/listen.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HINT_MAX 160

static const char usage[] = "usage: archeio check-config [--online] [FILE | --config FILE]\n"
                            "\n"
                            "Prints everything that is wrong with a configuration (FILE, or what\n"
                            "ARCHEIO_CONFIG names, or the built-in one) and the environment, and\n"
                            "warns of what will hardly work. Exit code 1 if anything is wrong.\n"
                            "\n"
                            "  -o, --online        ask the upstream and every store, too\n"
                            "  -c, --config FILE   the same as FILE\n"
                            "  -h, --help          this text\n";

/* Has any loaded range this cloud and region? */
static bool is_in_ranges(const struct ranges *r, const struct config_place *p)
{
    for (size_t i = 0; i < r->n_places; i++)
        if (str_eq(r->place[i].cloud, str_from(p->cloud)) &&
            (p->region[0] == '\0' || str_eq(r->place[i].region, str_from(p->region))))
            return true;
    return false;
}

static bool has_cloud(const struct ranges *r, const char *cloud)
{
    for (size_t i = 0; i < r->n_places; i++)
        if (str_eq(r->place[i].cloud, str_from(cloud)))
            return true;
    return false;
}

/* Writes a hint at the nearest region of the same cloud, or nothing. */
static void hint_at_region(const struct ranges *r, const struct config_place *p, char out[HINT_MAX])
{
    size_t n = 0;
    char **names = xalloc_zero(r->n_places, sizeof(*names));
    for (size_t i = 0; i < r->n_places; i++) {
        struct str region = r->place[i].region;
        if (region.len > 0 && str_eq(r->place[i].cloud, str_from(p->cloud)))
            names[n++] = xalloc_copy(region.data, region.len);
    }
    const char *nearest = diag_nearest(p->region, (const char *const *)names, n);
    out[0] = '\0';
    if (nearest != NULL)
        snprintf(out, HINT_MAX, "; did you mean \"%.64s/%.64s\"?", p->cloud, nearest);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* A cloud without ranges has been warned of; here it is about the spelling of its regions. */
static void check_places(const struct ranges *r, const struct config_place *places, size_t n,
                         struct diag *d)
{
    char hint[HINT_MAX];
    for (size_t i = 0; i < n; i++) {
        const struct config_place *p = &places[i];
        if (p->region[0] == '\0' || !has_cloud(r, p->cloud) || is_in_ranges(r, p))
            continue;
        hint_at_region(r, p, hint);
        struct diag_at at = {p->origin.name, p->origin.line, p->origin.column};
        if (p->origin.source == CONFIG_FILE)
            diag_warning(d, at, "no loaded range lies in %s/%s%s", p->cloud, p->region, hint);
    }
}

static void check_regions(const struct config *c, struct diag *d)
{
    struct diag of_ranges = {0};
    struct ranges *r = ranges_load(c->ranges.directory, &of_ranges);
    check_places(r, c->upstream.blobs_for, c->upstream.n_blobs_for, d);
    for (size_t i = 0; i < c->n_stores; i++)
        check_places(r, c->stores[i].serves, c->stores[i].n_serves, d);
    ranges_free(r);
    diag_clear(&of_ranges);
}

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

static void say_it_is_fine(const char *name, const struct config *c)
{
    size_t places = 0;
    for (size_t i = 0; i < c->n_stores; i++)
        places += c->stores[i].n_serves;
    printf("%s is fine: %s, %zu store%s for %zu place%s\n", name, c->upstream.endpoint, c->n_stores,
           c->n_stores == 1 ? "" : "s", places, places == 1 ? "" : "s");
}

static int check(const char *file, bool online)
{
    struct diag d = {0};
    struct config *c = config_load(file, environ, &d);
    if (c != NULL) {
        check_advise(c, &d);
        check_regions(c, &d);
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
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind < argc)
        file = argv[optind++];
    if (optind < argc)
        return cli_misuse(argv[0], usage, "unexpected argument \"%s\"", argv[optind]);
    return check(file, online);
}
