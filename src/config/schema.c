#include "config/schema.h"

#include "config/config.h"
#include "config/preset.h"
#include "config/value.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define S (1000 * MS)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define KIB UINT64_C(1024)
#define TIB (KIB * KIB * KIB * KIB)
#define PER_SECOND UINT64_C(3600) /* events an hour */

#define AT(member)                                                                                 \
    .offset = offsetof(struct config, member), .size = sizeof(((struct config *)0)->member)

static const char *const presets[] = {PRESET_NAME, NULL};
static const char *const automatic[] = {"auto", NULL};
static const char *const confinements[] = {"off", "auto", NULL};
static const char *const sinks[] = {"off", "stdout", NULL};
/* In the order of enum client_mode and enum log_level. */
static const char *const client_modes[] = {"peer", "google-lb", "trusted-proxies", "x-real-ip",
                                           NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

const struct schema_row schema_rows[] = {
    {"preset", SCHEMA_PRESET, .live = true, .words = presets, .fallback = "\"\"",
     .help = "Start from the built-in upstream and stores. Needed only beside an "
             "upstream.endpoint of your own: without one the preset applies anyway."},

    {"server.listen", SCHEMA_LISTEN, .live = true, AT(server.listen), .fallback = "[\"[::]:8080\"]",
     .variable = "PORT",
     .help = "Addresses to listen on, each with a port. \"[::]\" takes IPv4 as well, and is "
             "0.0.0.0 where there is no IPv6. PORT changes the port where the file says nothing. "
             "In the place of an address may stand a mapping of address and what else is wanted: "
             "tls, protocols, proxy_protocol. A reload changes these; another address takes a "
             "restart."},
    {"server.admin", SCHEMA_ADDRESS, .optional = true, AT(server.admin),
     .fallback = "127.0.0.1:9090",
     .help = "Address of the admin listener: /metrics, /healthz, /readyz. Empty: off. If the "
             "default is taken, a warning says so, and there is none."},
    {"server.decide", SCHEMA_ADDRESS, .optional = true, AT(server.decide), .fallback = "\"\"",
     .help = "Address of the listener of the decision endpoint (GET /decide, GET /host), for "
             "proxies that ask where a request should go. It believes who asks: keep it on "
             "loopback. Empty: none."},
    {"server.workers", SCHEMA_COUNT, .least = 1, .most = 1024, .words = automatic,
     AT(server.workers), .fallback = "auto",
     .help = "Event loops. auto: one per core that the process may use (affinity, cgroup quota)."},
    {"server.client_address", SCHEMA_CHOICE, .live = true, .words = client_modes,
     AT(server.client_address), .fallback = "google-lb",
     .help = "Who the client is. peer: the socket's other end. google-lb: the second entry from "
             "the right of X-Forwarded-For; without the field, the peer. trusted-proxies: from "
             "the right, the first address that server.trusted_proxies does not list. x-real-ip: "
             "the address in X-Real-Ip; without the field, the peer. Where a PROXY header came, "
             "its address takes the place of the peer's. TLS and rate_limit need a value here, "
             "because the default believes a header."},
    {"server.trusted_proxies", SCHEMA_PREFIXES, .live = true, AT(server.trusted_proxies),
     .fallback = "[]",
     .help = "Prefixes of your own proxies, for client_address: trusted-proxies."},
    {"server.header_timeout", SCHEMA_DURATION, .live = true, .least = MS, .most = HOUR,
     AT(server.header_timeout), .fallback = "2s",
     .help = "How long a request's head may take, from its first byte."},
    {"server.idle_timeout", SCHEMA_DURATION, .live = true, .least = MS, .most = DAY,
     AT(server.idle_timeout), .fallback = "620s",
     .help = "How long a connection may be without a request. Google's load balancer keeps its "
             "for 600 s: below that, requests behind it get lost."},
    {"server.write_timeout", SCHEMA_DURATION, .live = true, .least = MS, .most = HOUR,
     AT(server.write_timeout), .fallback = "10s",
     .help = "How long a client may leave an answer unread."},
    {"server.shutdown_delay", SCHEMA_DURATION, .live = true, .most = HOUR,
     AT(server.shutdown_delay), .fallback = "0s",
     .help = "After SIGTERM: how long to go on accepting while /readyz says 503, so that load "
             "balancers notice."},
    {"server.drain_timeout", SCHEMA_DURATION, .live = true, .most = HOUR, AT(server.drain_timeout),
     .fallback = "5s", .help = "After that: how long open requests may take to end."},
    {"server.max_connections", SCHEMA_COUNT, .most = 100000000, AT(server.max_connections),
     .fallback = "0",
     .help = "Connections at once. 0: what the descriptor limit, raised to its hard value, "
             "allows."},
    {"server.max_connections_per_client", SCHEMA_COUNT, .most = 100000000,
     AT(server.max_connections_per_client), .fallback = "0",
     .help = "Connections at once of one peer: an IPv4 address, or an IPv6 /64, the PROXY header's "
             "where one came. Headers do not count, so leave it at 0 behind a load balancer that "
             "does not send PROXY. 0: any number."},
    {"server.user", SCHEMA_USER, .optional = true, AT(server.user), .fallback = "\"\"",
     .variable = "ARCHEIO_USER",
     .help = "Whom serve becomes when root has started it, once its ports are bound: a name or a "
             "number. Empty: archeio if there is such a user, else nobody. root: it stays root, "
             "without root's capabilities."},
    {"server.confine", SCHEMA_CHOICE, .words = confinements, AT(server.confine), .fallback = "auto",
     .help = "Which system calls and files are left to serve once it has started. auto: those "
             "that it needs (seccomp and Landlock, as far as the kernel has them). off: all."},

    {"rate_limit.rate", SCHEMA_RATE, .live = true, .most = 1000000 * PER_SECOND,
     AT(rate_limit.rate), .fallback = "0",
     .help = "How many requests one client may send for long: an IPv4 address, or an IPv6 /64. "
             "What is beyond it gets 429 and Retry-After. 0: any number."},
    {"rate_limit.burst", SCHEMA_COUNT, .live = true, .least = 1, .most = 1000000,
     AT(rate_limit.burst), .fallback = "200",
     .help = "How many of them a client that was quiet may send at once. A node that starts pulls "
             "many images together."},
    {"rate_limit.exempt", SCHEMA_PREFIXES, .live = true, AT(rate_limit.exempt), .fallback = "[]",
     .help = "Prefixes of clients without that limit."},
    {"rate_limit.memory", SCHEMA_SIZE, .least = 64 * KIB, .most = 16 * KIB * KIB * KIB,
     AT(rate_limit.memory), .fallback = "16MiB",
     .help = "Memory for what clients have used, 16 bytes each; it is touched as it fills. When "
             "it is full, the client that has used least is forgotten: it may send more, nobody "
             "less."},

    {"log.access", SCHEMA_FILE, .live = true, .words = sinks, AT(log.access), .fallback = "off",
     .help = "The access log, one JSON object a line: off, stdout, or a file, which SIGHUP "
             "reopens. To switch it on or off takes a restart."},
    {"log.level", SCHEMA_CHOICE, .live = true, .words = levels, AT(log.level), .fallback = "info",
     .help = "The least urgent messages that go to standard error."},

    {"pages.info", SCHEMA_PAGE, .live = true, AT(info_page),
     .fallback = "https://github.com/kubernetes/registry.k8s.io", .help = "Where / leads to."},
    {"pages.privacy", SCHEMA_PAGE, .live = true, AT(privacy_page),
     .fallback = "https://www.linuxfoundation.org/privacy-policy/",
     .help = "Where /privacy leads to."},

    {"upstream.endpoint", SCHEMA_URL, .live = true, AT(upstream.endpoint), .fallback = NULL,
     .variable = "UPSTREAM_REGISTRY_ENDPOINT",
     .help = "The registry that is the source of truth. A file that sets it starts from no path, "
             "no blobs_for and no stores, unless it asks for the preset."},
    {"upstream.path", SCHEMA_PATH, .live = true, .optional = true, AT(upstream.path),
     .fallback = "\"\"", .variable = "UPSTREAM_REGISTRY_PATH",
     .help = "What stands before every repository there. May be empty."},
    {"upstream.blobs_for", SCHEMA_PLACES, .live = true, AT(upstream.blobs_for), .fallback = "[]",
     .help = "Networks (CLOUD or CLOUD/REGION) whose blobs stay at the upstream."},

    {"signatures.endpoint", SCHEMA_URL, .live = true, .optional = true, AT(signature_endpoint),
     .fallback = "\"\"", .variable = "SIGNATURE_UPSTREAM_ENDPOINT",
     .help = "The registry for cosign's tags, under the same path. Empty: the upstream."},

    {"ranges.directory", SCHEMA_FILE, .live = true, AT(ranges.directory),
     .fallback = "/var/lib/archeio/ranges", .variable = "ARCHEIO_RANGES",
     .help = "Where the clouds' published address ranges lie, your own (*.txt), and tables of "
             "autonomous systems (*.mmdb, asn*.csv, *.asn). If it cannot be written, what is "
             "fetched is kept in memory."},
    {"ranges.refresh", SCHEMA_DURATION, .live = true, .most = 366 * DAY, AT(ranges.refresh),
     .fallback = "24h",
     .help = "Fetch the official files in the background when they are missing or older than "
             "this. 0: never."},
    {"ranges.max_shrink", SCHEMA_PERCENT, .live = true, .most = 100, AT(ranges.max_shrink),
     .fallback = "20%",
     .help = "An update that loses more than this of a file's prefixes is refused."},

    {"stores", SCHEMA_STORES, .live = true, AT(stores), .fallback = "[]",
     .variable = "DEFAULT_AWS_BASE_URL",
     .help = "Copies of the blobs, each with a name, a url (a blob lies at "
             "URL/containers/images/DIGEST) and whom it serves: CLOUD/REGION, CLOUD, or default "
             "for clients whom no other store serves. Several may serve the same; the first that "
             "has the blob is used. With \"index: true\" the set of digests that geranos publishes "
             "there is believed: what is in it is there, and what is not is asked for. The "
             "variable replaces the URL of the default store."},

    {"upstreams", SCHEMA_UPSTREAMS, .live = true, AT(upstreams), .fallback = "[]",
     .help = "Registries that routes may name, beside \"upstream\", which is always known."},
    {"providers", SCHEMA_PROVIDERS, .live = true, AT(providers), .fallback = "{}",
     .help = "Whose networks belong together: clouds and autonomous systems under one name. A "
             "client in a cloud's published ranges is that cloud's, if any provider has it; for "
             "others the autonomous system counts, which files in ranges.directory tell."},
    {"routes", SCHEMA_ROUTES, .live = true, AT(routes), .fallback = "[]",
     .help = "Rules for requests that are to be answered in another way. The first of which all "
             "conditions hold is taken, before anything that is said of pages, upstream and "
             "stores."},

    {"existence.present_ttl", SCHEMA_DURATION, .live = true, .least = MS, .most = 366 * DAY,
     AT(existence.present_ttl), .fallback = "6h",
     .help = "How long a store's \"it is there\" is believed. Blobs in use are asked for again "
             "before it ends."},
    {"existence.absent_ttl", SCHEMA_DURATION, .live = true, .least = MS, .most = 366 * DAY,
     AT(existence.absent_ttl), .fallback = "60s",
     .help = "How long \"it is not there\" is believed."},
    {"existence.error_ttl", SCHEMA_DURATION, .live = true, .least = MS, .most = DAY,
     AT(existence.error_ttl), .fallback = "5s",
     .help = "How long a store is not asked again for a blob after an error."},
    {"existence.wait", SCHEMA_DURATION, .live = true, .most = HOUR, AT(existence.wait),
     .fallback = "2s",
     .help = "How long a client waits for a store's answer before it is sent to the upstream."},
    {"existence.memory", SCHEMA_SIZE, .least = 64 * KIB, .most = TIB, AT(existence.memory),
     .fallback = "64MiB",
     .help = "Memory for what HEAD requests have told of the stores. Indexes have their own."},
    {"existence.index_refresh", SCHEMA_DURATION, .live = true, .least = 10 * MS, .most = DAY,
     AT(existence.index_refresh), .fallback = "60s",
     .help = "How often a store's index is looked for anew (stores: index), give or take a tenth."},
    {"existence.index_max_age", SCHEMA_DURATION, .live = true, .least = S, .most = 366 * DAY,
     AT(existence.index_max_age), .fallback = "2d",
     .help = "An index that was made longer ago is ignored. One that could not be looked for anew "
             "for as long as existence.present_ttl is ignored as well."},
    {"existence.index_memory", SCHEMA_SIZE, .live = true, .least = KIB,
     .most = 64 * KIB * KIB * KIB, AT(existence.index_memory), .fallback = "64MiB",
     .help = "Memory for the indexes of all stores, 33 bytes for each digest; none is taken before "
             "there is one, and while one is replaced it is there twice. An index that finds no "
             "room is ignored."},
};

const size_t schema_count = sizeof(schema_rows) / sizeof(schema_rows[0]);

size_t schema_find(const char *name)
{
    size_t i = 0;
    while (i < schema_count && strcmp(schema_rows[i].name, name) != 0)
        i++;
    return i;
}

const char *schema_type_text(const struct schema_row *row)
{
    switch (row->type) {
    case SCHEMA_PRESET:
    case SCHEMA_CHOICE:
        return "one of the words";
    case SCHEMA_LISTEN:
        return "a list of addresses with ports, or of mappings";
    case SCHEMA_ADDRESS:
        return "an address with a port";
    case SCHEMA_COUNT:
        return row->words != NULL ? "an integer or \"auto\"" : "an integer";
    case SCHEMA_PREFIXES:
        return "a list of network prefixes";
    case SCHEMA_DURATION:
        return "a duration (an integer and ms, s, m, h or d)";
    case SCHEMA_SIZE:
        return "a size (an integer and B, KiB, MiB or GiB)";
    case SCHEMA_RATE:
        return "a rate (an integer and /s, /m or /h)";
    case SCHEMA_PERCENT:
        return "a percentage";
    case SCHEMA_URL:
    case SCHEMA_PAGE:
        return "an absolute http or https URL";
    case SCHEMA_PATH:
        return "repository segments";
    case SCHEMA_FILE:
        return row->words != NULL ? "a file, or one of the words" : "a directory";
    case SCHEMA_USER:
        return "a user's name or number";
    case SCHEMA_PLACES:
        return "a list of networks";
    case SCHEMA_STORES:
        return "a list of stores";
    case SCHEMA_UPSTREAMS:
        return "a list of registries";
    case SCHEMA_PROVIDERS:
        return "names, each with a list of clouds and ASNs";
    case SCHEMA_ROUTES:
        break;
    }
    return "a list of routes";
}

static const char *words_text(const char *const *words, char out[SCHEMA_RANGE_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && len < SCHEMA_RANGE_MAX; i++) {
        const char *between = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        int n = snprintf(out + len, SCHEMA_RANGE_MAX - len, "%s%s", between, words[i]);
        len += n > 0 ? (size_t)n : 0;
    }
    return out;
}

const char *schema_range_text(const struct schema_row *row, char out[SCHEMA_RANGE_MAX])
{
    char least[SCHEMA_NUMBER_MAX], most[SCHEMA_NUMBER_MAX];
    if (row->type != SCHEMA_COUNT && row->words != NULL)
        return words_text(row->words, out);
    if (row->most == 0)
        return "";
    snprintf(out, SCHEMA_RANGE_MAX, "%s to %s", schema_number_text(row, row->least, least),
             schema_number_text(row, row->most, most));
    return out;
}

const char *schema_number_text(const struct schema_row *row, uint64_t value,
                               char out[SCHEMA_NUMBER_MAX])
{
    if (row->type == SCHEMA_DURATION)
        value_format_duration((int64_t)value, out);
    else if (row->type == SCHEMA_SIZE)
        value_format_size(value, out);
    else if (row->type == SCHEMA_RATE)
        value_format_rate(value, out);
    else if (row->words != NULL && (row->type == SCHEMA_CHOICE || value == 0))
        return row->words[value];
    else
        snprintf(out, SCHEMA_NUMBER_MAX, "%" PRIu64 "%s", value,
                 row->type == SCHEMA_PERCENT ? "%" : "");
    return out;
}

static const struct {
    const char *name, *text;
} sections[] = {
    {"server", "Listeners, clients and time limits"},
    {"rate_limit", "How much one client may ask for"},
    {"log", "What is written down"},
    {"pages", "Where people are sent"},
    {"upstream", "The registry that is the source of truth"},
    {"signatures", "Where cosign's signatures are"},
    {"ranges", "Whose an address is"},
    {"existence", "What is known of the stores, and for how long"},
};

size_t schema_top(const char *out[SCHEMA_TOP_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        out[n++] = sections[i].name;
    for (size_t i = 0; i < schema_count; i++)
        if (strchr(schema_rows[i].name, '.') == NULL)
            out[n++] = schema_rows[i].name;
    assert(n <= SCHEMA_TOP_MAX);
    return n;
}

const char *schema_section_text(const char *section)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        if (strcmp(sections[i].name, section) == 0)
            return sections[i].text;
    return NULL;
}
