#include "server/server.h"

#include "cli/commands.h"
#include "ranges/updater.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio serve [--config FILE] [--snapshot FILE]\n"
    "\n"
    "Answers pull requests with redirects until SIGTERM or SIGINT; SIGHUP reloads.\n"
    "\n"
    "  -c, --config FILE     the configuration (default: what ARCHEIO_CONFIG names; else the\n"
    "                        built-in one, which serves what registry.k8s.io serves)\n"
    "  -s, --snapshot FILE   policy and ranges from `archeio compile`; of the configuration, only\n"
    "                        server, existence and log count\n"
    "  -h, --help            this text\n";

struct serve {
    const char *file;     /* NULL: none */
    const char *snapshot; /* NULL: none */
    struct updater *updater;
    char *listen; /* for the banner, as what follows */
    char *upstream;
    uint32_t n_stores;
    uint32_t n_prefixes;
    bool fetches;   /* ranges, in the background */
    int64_t oldest; /* when the oldest source was published; 0: there is none */
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

/* ── The banner ── */

static char *join_listen(const struct config_server *server)
{
    size_t size = 1;
    for (size_t i = 0; i < server->n_listen; i++)
        size += strlen(server->listen[i].address) + 2;
    char *text = calloc(1, size);
    for (size_t i = 0; text != NULL && i < server->n_listen; i++) {
        strcat(text, i > 0 ? ", " : "");
        strcat(text, server->listen[i].address);
    }
    return text;
}

static void note_for_banner(struct serve *s, const struct server_update *start)
{
    const struct snapshot *snapshot = &start->image.snapshot;
    s->listen = join_listen(&start->config->server);
    s->upstream = strndup(snapshot->upstream.data, snapshot->upstream.len);
    s->n_stores = snapshot->n_stores;
    s->fetches = s->snapshot == NULL && start->config->ranges.refresh > 0;
    s->n_prefixes = lpm_count(&snapshot->table, ADDR_V4) + lpm_count(&snapshot->table, ADDR_V6);
    for (uint32_t i = 0; i < snapshot->n_sources; i++) {
        int64_t modified = (int64_t)snapshot_source(snapshot, i).modified;
        if (s->oldest == 0 || modified < s->oldest)
            s->oldest = modified;
    }
}

/* A URL that works here for what listens on text. */
static void print_curl(const char *text)
{
    const char *port = strrchr(text, ':');
    fprintf(stderr, "  try:      curl -i http://127.0.0.1%s/v2/pause/manifests/3.10\n",
            port != NULL ? port : "");
}

static void started(void *context, const char *admin)
{
    const struct serve *s = context;
    fprintf(stderr, "archeio " ARCHEIO_VERSION " answers on %s\n", s->listen);
    fprintf(stderr, "  serves:   %s, and blobs from %u stores\n", s->upstream, s->n_stores);
    if (s->n_prefixes == 0)
        fprintf(stderr, "  ranges:   no ranges yet: every client counts as unknown%s\n",
                s->fetches ? " until they have been fetched" : "");
    else
        fprintf(stderr, "  ranges:   %u prefixes, the oldest file is of %lld days ago\n",
                s->n_prefixes, (long long)((clock_wall() - s->oldest) / 86400));
    if (admin != NULL)
        fprintf(stderr, "  metrics:  http://%s/metrics\n", admin);
    else
        fputs("  metrics:  off\n", stderr);
    print_curl(s->listen);
}

/* ── The command ── */

/* Where `ranges.refresh` is 0, too: a reload may change it. */
static bool start_updater(struct serve *s, const struct config *c)
{
    if (s->snapshot != NULL)
        return true;
    const char *why;
    struct updater_options options = updater_settings(c);
    s->updater = updater_start(&options, &why);
    if (s->updater == NULL)
        log_error("cannot start the ranges update: %s", why);
    return s->updater != NULL;
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
    note_for_banner(s, &start);
    if (s->listen == NULL || s->upstream == NULL || !start_updater(s, start.config)) {
        config_free(start.config);
        compile_release(&start.image);
        return 1;
    }
    malloc_trim(0);
    struct server_hooks hooks = {
        .context = s,
        .reload = reload,
        .updates_fd = s->updater != NULL ? updater_fd(s->updater) : -1,
        .take = take,
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
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "archeio serve: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }

    mallopt(M_ARENA_MAX, 1); /* threads that hardly allocate need no arenas of their own */
    server_block_signals();
    log_init("archeio", LOG_LEVEL_INFO);
    int code = run(&s);
    updater_stop(s.updater);
    free(s.listen);
    free(s.upstream);
    return code;
}
