#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/diff_log.h"
#include "cli/diff_networks.h"
#include "policy/image.h"
#include "ranges/compile.h"
#include "sys/file.h"
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio diff [--log FILE] OLD NEW\n"
    "\n"
    "Says which requests NEW answers differently than OLD: of clients in which\n"
    "networks, for which repositories, from where to where. OLD and NEW are\n"
    "configurations, with the ranges that they name, or snapshots that\n"
    "`archeio compile` wrote. Every network is tried with a request of each kind\n"
    "and with such as the routes are about. \"paris, else upstream\" means that\n"
    "the client is sent to the store paris if that has the blob.\n"
    "\n"
    "  -l, --log FILE   also replay the requests of an access log, and say what\n"
    "                   share of them moves. \"-\" is standard input, as in\n"
    "                   zcat LOG.gz | archeio diff --log - OLD NEW. What a\n"
    "                   store had is what the log says; where it does not,\n"
    "                   that every store has it\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit codes, as of diff(1): 0 nothing is answered differently, 1 something\n"
    "is, 2 it could not be found out.\n";

enum { SAME, DIFFERS, TROUBLE };

struct options {
    const char *file[2];
    const char *log; /* NULL: none */
};

static bool is_snapshot(struct str file)
{
    return str_starts(file, STR(IMAGE_MAGIC));
}

static bool load_snapshot(const char *name, struct compile_image *image, struct diag *d)
{
    const char *why = snapshot_open(&image->snapshot, image->data, image->size);
    if (why != NULL)
        diag_error(d, (struct diag_at){name, 0, 0}, "snapshot: %s", why);
    return why == NULL;
}

static bool load_configuration(const char *name, struct str text, struct compile_image *image,
                               struct diag *d)
{
    struct config *c = config_parse(name, text.data, text.len, environ, d);
    if (c == NULL)
        return false;
    bool built = compile_strictly(c, image, d);
    config_free(c);
    return built;
}

/* The file is read once: it may be a pipe. */
static bool load(const char *name, struct compile_image *image, struct diag *d)
{
    char *data;
    size_t len;
    int error = file_read(name, IMAGE_SIZE_MAX, &data, &len, NULL);
    if (error != 0) {
        diag_error(d, (struct diag_at){name, 0, 0}, "cannot be read: %s", strerror(error));
        return false;
    }
    if (is_snapshot(str_make(data, len))) {
        *image = (struct compile_image){.data = data, .size = len};
        return load_snapshot(name, image, d);
    }
    bool loaded = load_configuration(name, str_make(data, len), image, d);
    free(data);
    return loaded;
}

static int compare(const struct options *o, const struct snapshot *before,
                   const struct snapshot *after, struct diag *d)
{
    int code = diff_networks_print(before, after, stdout) ? DIFFERS : SAME;
    if (o->log == NULL)
        return code;
    switch (diff_log_print(o->log, before, after, stdout, d)) {
    case DIFF_LOG_SAME:
        return code;
    case DIFF_LOG_DIFFERS:
        return DIFFERS;
    default:
        return TROUBLE;
    }
}

static int diff(const struct options *o)
{
    struct diag d = {0};
    struct compile_image before = {.data = NULL}, after = {.data = NULL};
    int code = TROUBLE;
    if (load(o->file[0], &before, &d) && load(o->file[1], &after, &d))
        code = compare(o, &before.snapshot, &after.snapshot, &d);
    if (code == SAME)
        puts("Every request is answered as before.");
    diag_print(&d, stderr);
    diag_clear(&d);
    compile_release(&before);
    compile_release(&after);
    return fflush(stdout) == 0 ? code : TROUBLE;
}

int diff_main(int argc, char **argv)
{
    static const struct option options[] = {{"log", required_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct options o = {.log = NULL};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "l:h", options, NULL)) != -1) {
        if (c == 'l') {
            o.log = optarg;
        } else {
            return cli_help(argv[0], usage, c);
        }
    }
    if (optind + 2 != argc)
        return cli_misuse(argv[0], "expected two files, OLD and NEW");
    o.file[0] = argv[optind];
    o.file[1] = argv[optind + 1];
    return diff(&o);
}
