#include "base/ascii.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/explanation.h"
#include "config/providers.h"
#include "exist/exist.h"
#include "http/http_target.h"
#include "ranges/compile.h"
#include "sys/xalloc.h"
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio explain --ip ADDRESS [--method METHOD]\n"
    "                       [--host HOST] [--header 'NAME: VALUE'...]\n"
    "                       [--present | --absent] [--json]\n"
    "                       [--config FILE] [--snapshot FILE] PATH\n"
    "\n"
    "Prints step by step how a request for PATH from ADDRESS is answered: the\n"
    "prefix that holds the address, which route takes it and why those before\n"
    "do not, the stores that may have the blob with their URLs, and the answer\n"
    "for each outcome. Unless told what to take for granted, it asks the\n"
    "stores.\n"
    "\n"
    "  -i, --ip ADDRESS      the client's address\n"
    "  -m, --method METHOD   the request's method (default: GET)\n"
    "  -H, --host HOST       the host that the request is for\n"
    "  -f, --header 'NAME: VALUE'\n"
    "                        a field of the request, for routes that look at\n"
    "                        it; may be given more than once\n"
    "  -p, --present         take it that every store has the blob\n"
    "  -a, --absent          take it that no store has the blob\n"
    "  -j, --json            one JSON object\n"
    "  -c, --config FILE     the configuration (default: what ARCHEIO_CONFIG\n"
    "                        names; else the built-in one)\n"
    "  -s, --snapshot FILE   policy and ranges from `archeio compile`, as with\n"
    "                        serve\n"
    "  -h, --help            this text\n";

#define FIELDS_MAX 64

enum mode { MODE_HEAD, MODE_PRESENT, MODE_ABSENT };

struct options {
    const char *address;
    const char *method;
    const char *config;
    const char *snapshot;
    const char *path;
    const char *host;
    const char *field[FIELDS_MAX];
    size_t n_fields;
    enum mode mode;
    bool both; /* --present and --absent */
    bool json;
};

/* Who is asked, and for how long. */
struct asker {
    enum mode mode;
    int64_t wait;
};

/* As long as a client waits, so that the answer is that which a client gets. */
static enum decide_existence ask(void *context, struct trace_candidate *c)
{
    const struct asker *asker = context;
    if (asker->mode != MODE_HEAD)
        return asker->mode == MODE_PRESENT ? DECIDE_PRESENT : DECIDE_ABSENT;
    char *url = xalloc_copy(c->location.data, c->location.len);
    enum exist_state state = exist_head(url, asker->wait, c->detail);
    free(url);
    if (state == EXIST_PRESENT)
        return DECIDE_PRESENT;
    return state == EXIST_ABSENT ? DECIDE_ABSENT : DECIDE_UNKNOWN;
}

/* Those that routes would find the network in; free() the list. */
static const char **providers_of(const struct config *c, const struct snapshot_network *network,
                                 size_t *n)
{
    const char **names = xalloc_zero(c->n_providers + 1, sizeof(*names));
    *n = 0;
    for (size_t i = 0; i < c->n_providers; i++)
        if (providers_have(c, &c->providers[i], network->cloud, network->asn))
            names[(*n)++] = c->providers[i].name;
    return names;
}

static void print(const struct options *o, const struct config *c, const struct trace *t)
{
    static const char *const taken_from[] = {
        [MODE_HEAD] = "HEAD", [MODE_PRESENT] = "--present", [MODE_ABSENT] = "--absent"};
    struct explanation e = {
        .trace = t,
        .method = o->method,
        .existence = taken_from[o->mode],
    };
    const char **names = providers_of(c, &t->network, &e.n_providers);
    e.provider = names;
    if (o->snapshot != NULL)
        e.n_providers = 0; /* a snapshot does not say, and the configuration may be of another */
    if (o->json)
        explanation_print_json(&e, stdout);
    else
        explanation_print(&e, stdout);
    free(names);
}

static enum decide_method method_of(const char *name)
{
    if (strcmp(name, "GET") == 0)
        return DECIDE_GET;
    return strcmp(name, "HEAD") == 0 ? DECIDE_HEAD : DECIDE_OTHER;
}

static bool load_image(const struct options *o, const struct config *c, struct compile_image *image,
                       struct diag *d)
{
    if (o->snapshot != NULL)
        return compile_read(o->snapshot, image, d);
    struct ranges *r = ranges_load(c->ranges.directory, d);
    bool built = compile_snapshot(c, r, image, d);
    ranges_free(r);
    return built;
}

/* The value of a "NAME: VALUE", if that is its name. */
static bool is_field(const char *field, struct str name, struct str *value)
{
    struct str text = str_from(field);
    size_t colon = str_find(text, ':');
    if (colon == text.len || !str_eq_nocase(str_make(text.data, colon), name))
        return false;
    *value = ascii_trim(str_skip(text, colon + 1));
    return true;
}

/* What the request brings of the fields that routes look at: of each the first. */
static void take_fields(const struct options *o, const struct snapshot *s,
                        struct str headers[SNAPSHOT_HEADERS_MAX])
{
    for (uint32_t i = 0; i < s->n_headers; i++) {
        headers[i] = (struct str){NULL, 0};
        for (size_t j = 0; j < o->n_fields && headers[i].data == NULL; j++)
            is_field(o->field[j], snapshot_header(s, i), &headers[i]);
    }
}

/* A target in absolute form says for whom it is (RFC 9112, section 3.2.2). */
static struct str host_of(const struct options *o)
{
    struct str authority;
    return http_target_authority(str_from(o->path), &authority) ? authority : str_from(o->host);
}

static int explain(const struct options *o, const struct addr *client)
{
    struct diag d = {0};
    struct compile_image image = {.data = NULL};
    struct config *c = config_load(o->config, environ, &d);
    bool loaded = c != NULL && load_image(o, c, &image, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    if (loaded) {
        struct asker asker = {o->mode, c->existence.wait};
        struct str headers[SNAPSHOT_HEADERS_MAX];
        take_fields(o, &image.snapshot, headers);
        struct trace t = {
            .snapshot = &image.snapshot,
            .client = *client,
            .method = method_of(o->method),
            .target = str_from(o->path),
            .host = host_of(o),
            .headers = headers,
        };
        trace_make(&t, ask, &asker);
        print(o, c, &t);
        trace_release(&t);
    }
    compile_release(&image);
    config_free(c);
    return loaded ? 0 : 1;
}

/* False: not to be gone on with; *code is then the exit code. */
static bool read_options(int argc, char **argv, struct options *o, int *code)
{
    static const struct option options[] = {{"ip", required_argument, NULL, 'i'},
                                            {"method", required_argument, NULL, 'm'},
                                            {"host", required_argument, NULL, 'H'},
                                            {"header", required_argument, NULL, 'f'},
                                            {"present", no_argument, NULL, 'p'},
                                            {"absent", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"snapshot", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "i:m:H:f:pajc:s:h", options, NULL)) != -1) {
        enum mode mode = c == 'p' ? MODE_PRESENT : MODE_ABSENT;
        if (c == 'i')
            o->address = optarg;
        else if (c == 'm')
            o->method = optarg;
        else if (c == 'H')
            o->host = optarg;
        else if (c == 'f' && o->n_fields < FIELDS_MAX)
            o->field[o->n_fields++] = optarg;
        else if (c == 'j')
            o->json = true;
        else if (c == 'c')
            o->config = optarg;
        else if (c == 's')
            o->snapshot = optarg;
        else if (c == 'p' || c == 'a') {
            o->both = o->both || (o->mode != MODE_HEAD && o->mode != mode);
            o->mode = mode;
        } else {
            *code = cli_help(argv[0], usage, c);
            return false;
        }
    }
    if (optind + 1 == argc)
        o->path = argv[optind];
    return true;
}

/* What is wrong with the options; NULL: nothing. */
static const char *check_options(const struct options *o, struct addr *client)
{
    if (o->address[0] == '\0')
        return "--ip is missing";
    if (!addr_parse(str_from(o->address), client))
        return "--ip: expected an IPv4 or IPv6 address";
    if (o->both)
        return "either --present or --absent, not both";
    if (o->path[0] == '\0')
        return "expected one PATH, such as /v2/pause/manifests/3.10";
    if (o->path[0] != '/' && strstr(o->path, "://") == NULL)
        return "PATH: expected a path that begins with \"/\", or a whole URL";
    if (strlen(o->path) > DECIDE_TARGET_MAX)
        return "PATH is too long: serve answers 414";
    if (o->method[0] == '\0')
        return "--method: expected a method, such as GET";
    for (size_t i = 0; i < o->n_fields; i++)
        if (strcspn(o->field[i], ":") == 0 || strchr(o->field[i], ':') == NULL)
            return "--header: expected a name, a colon and a value, such as \"X-Team: blue\"";
    return NULL;
}

int explain_main(int argc, char **argv)
{
    struct options o = {
        .address = "", .path = "", .host = "", .method = "GET", .config = getenv("ARCHEIO_CONFIG")};
    struct addr client;
    int code;
    if (!read_options(argc, argv, &o, &code))
        return code;
    const char *wrong = check_options(&o, &client);
    if (wrong == NULL)
        return explain(&o, &client);
    return cli_misuse(argv[0], "%s", wrong);
}
