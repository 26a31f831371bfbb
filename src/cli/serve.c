#include "server/server.h"

#include "cli/banner.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/confinement.h"
#include "ranges/updater.h"
#include "sys/log.h"
#include "sys/xalloc.h"

#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio serve [--config FILE] [--snapshot FILE]\n"
    "\n"
    "Answers pull requests with redirects until SIGTERM or SIGINT; SIGHUP\n"
    "reloads.\n"
    "\n"
    "  -c, --config FILE     the configuration (default: what ARCHEIO_CONFIG\n"
    "                        names; else the built-in one, which serves what\n"
    "                        registry.k8s.io serves)\n"
    "  -s, --snapshot FILE   policy and ranges from `archeio compile`; of the\n"
    "                        configuration, only server, rate_limit, existence\n"
    "                        and log count\n"
    "  -h, --help            this text\n";

struct serve {
    const char *file;           /* NULL: none */
    const char *snapshot;       /* NULL: none */
    const struct config *start; /* until it is confined */
    struct updater *updater;
    struct banner banner;
};

/* ── What the server asks for ── */

static bool compile_ranges(const struct config *c, struct ranges *r, struct compile_image *image,
                           struct diag *d)
{
    bool built = compile_snapshot(c, r, image, d);
    ranges_free(r);
    malloc_trim(0); /* reading the files takes ten times what they end as */
    return built;
}

static bool load_image(const struct serve *s, const struct config *c, struct compile_image *image,
                       struct diag *d)
{
    if (s->snapshot != NULL)
        return compile_read(s->snapshot, image, d);
    const char *directory = c->ranges.directory;
    struct ranges *r =
        s->updater != NULL ? updater_load(s->updater, directory, d) : ranges_load(directory, d);
    return compile_ranges(c, r, image, d);
}

static bool load(const struct serve *s, struct server_update *out, struct diag *d)
{
    *out = (struct server_update){0};
    out->config = config_load(s->file, environ, d);
    if (out->config == NULL)
        return false;
    if (load_image(s, out->config, &out->image, d))
        return true;
    config_free(out->config);
    *out = (struct server_update){0};
    return false;
}

static struct updater_options updater_settings(const struct config *c)
{
    return (struct updater_options){
        .directory = c->ranges.directory,
        .refresh = c->ranges.refresh,
        .max_shrink = c->ranges.max_shrink,
    };
}

static bool reload(void *context, struct server_update *out)
{
    struct serve *s = context;
    struct diag d = {0};
    bool loaded = load(s, out, &d);
    if (loaded && !confinement_permits(out->config, s->snapshot, &d)) {
        config_free(out->config);
        compile_release(&out->image);
        loaded = false;
    }
    diag_log(&d);
    diag_clear(&d);
    if (loaded && s->updater != NULL) {
        struct updater_options options = updater_settings(out->config);
        updater_configure(s->updater, &options);
    }
    return loaded;
}

static bool take(void *context, const struct config *running, struct server_update *out)
{
    struct serve *s = context;
    struct ranges *r = updater_take(s->updater);
    *out = (struct server_update){0};
    if (r == NULL)
        return false;
    struct diag d = {0};
    bool built = compile_ranges(running, r, &out->image, &d);
    diag_log(&d);
    diag_clear(&d);
    return built;
}

static void ranges_status(void *context, struct updater_status *out)
{
    const struct serve *s = context;
    updater_status(s->updater, out);
}

static void started(void *context, const struct server_started *how)
{
    const struct serve *s = context;
    xalloc_serve();
    banner_print(&s->banner, how, stderr);
}

/* ── The command ── */

/* Where `ranges.refresh` is 0, too: a reload may change it. */
static bool make_updater(struct serve *s, const struct config *c)
{
    if (s->snapshot != NULL)
        return true;
    const char *why;
    struct updater_options options = updater_settings(c);
    s->updater = updater_new(&options, &why);
    if (s->updater == NULL)
        log_error("cannot start the ranges update: %s", why);
    return s->updater != NULL;
}

/* What confines a thread counts for those that it starts, and not for those there are. */
static bool confine_and_start(void *context)
{
    struct serve *s = context;
    const char *why;
    bool confined = confinement_begin(s->start, s->file, s->snapshot);
    s->start = NULL;
    malloc_trim(0); /* making the filter takes a tenth of all that is used */
    if (!confined || s->updater == NULL || updater_start(s->updater, &why))
        return confined;
    log_error("cannot start the ranges update: %s", why);
    return false;
}

static int run(struct serve *s)
{
    struct server_update start;
    struct diag d = {0};
    bool loaded = load(s, &start, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    if (!loaded)
        return 1;
    log_init("archeio", (enum log_level)start.config->log.level);
    banner_note(&s->banner, start.config, &start.image.snapshot, s->snapshot != NULL);
    if (!make_updater(s, start.config)) {
        config_free(start.config);
        compile_release(&start.image);
        return 1;
    }
    s->start = start.config;
    malloc_trim(0);
    struct server_hooks hooks = {
        .context = s,
        .reload = reload,
        .updates_fd = s->updater != NULL ? updater_fd(s->updater) : -1,
        .take = take,
        .confine = confine_and_start,
        .ranges_status = s->updater != NULL ? ranges_status : NULL,
        .started = started,
    };
    return server_run(&start, &hooks);
}

int serve_main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"snapshot", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct serve s = {.file = getenv("ARCHEIO_CONFIG")};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "c:s:h", options, NULL)) != -1) {
        if (c == 'c') {
            s.file = optarg;
        } else if (c == 's') {
            s.snapshot = optarg;
        } else {
            return cli_help(argv[0], usage, c);
        }
    }
    if (optind < argc)
        return cli_misuse(argv[0], CLI_NO_ARGUMENT, argv[optind]);

    mallopt(M_ARENA_MAX, 1); /* threads that hardly allocate need no arenas of their own */
    server_block_signals();
    log_init("archeio", LOG_LEVEL_INFO);
    int code = run(&s);
    updater_stop(s.updater);
    banner_release(&s.banner);
    return code;
}
