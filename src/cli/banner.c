#include "cli/banner.h"

#include "config/schema.h"
#include "sys/clock.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define DAY 86400

static bool is_preset(const struct config *c, const char *setting)
{
    return c->origins[schema_find(setting)].source == CONFIG_PRESET;
}

void banner_note(struct banner *b, const struct config *c, const struct snapshot *s,
                 bool from_snapshot)
{
    *b = (struct banner){
        .upstream = xalloc_copy(s->upstream.data, s->upstream.len),
        .n_stores = s->n_stores,
        .n_routes = s->n_routes,
        .n_prefixes = lpm_count(&s->table, ADDR_V4) + lpm_count(&s->table, ADDR_V6),
        .fetches = !from_snapshot && c->ranges.refresh > 0,
        .is_preset =
            !from_snapshot && is_preset(c, "upstream.endpoint") && is_preset(c, "upstream.path"),
    };
    for (uint32_t i = 0; i < s->n_sources; i++) {
        int64_t modified = (int64_t)snapshot_source(s, i).modified;
        if (b->oldest == 0 || modified < b->oldest)
            b->oldest = modified;
    }
}

/* Days are those of UTC, as the dates of `archeio ranges show` are. */
static void print_ranges(const struct banner *b, FILE *to)
{
    if (b->n_prefixes == 0) {
        fprintf(to, "  ranges:   none yet: every client counts as unknown%s\n",
                b->fetches ? " until they have been fetched" : "");
        return;
    }
    int64_t days = clock_wall() / DAY - b->oldest / DAY;
    fprintf(to, "  ranges:   %u prefix%s, ", b->n_prefixes, b->n_prefixes == 1 ? "" : "es");
    if (b->oldest == 0) { /* what routes name, and autonomous systems */
        fputs("none of them published by a cloud\n", to);
        return;
    }
    fputs("the oldest file is from ", to);
    if (days > 1)
        fprintf(to, "%lld days ago\n", (long long)days);
    else
        fputs(days == 1 ? "yesterday\n" : "today\n", to);
}

/* " (TLS, PROXY)", or less. */
static void print_kind(const struct listen_rule *rule, FILE *to)
{
    bool tls = rule->tls != NULL;
    if (tls || rule->introduced)
        fprintf(to, " (%s%s%s)", tls ? "TLS" : "", tls && rule->introduced ? ", " : "",
                rule->introduced ? "PROXY" : "");
}

/* The first listener that curl can ask without saying for whom, if there is one. */
static size_t easiest(const struct server_started *started)
{
    for (size_t i = 0; i < started->n_listen; i++)
        if (!started->rules->rule[i].introduced)
            return i;
    return 0;
}

/* A request that works from here, with an answer that every registry gives. */
static void print_curl(const struct banner *b, const struct server_started *started, FILE *to)
{
    char text[ENDPOINT_TEXT_MAX];
    size_t i = easiest(started);
    struct endpoint at = started->listen[i];
    const struct listen_rule *rule = &started->rules->rule[i];
    bool tls = rule->tls != NULL;
    const struct addr any = {.family = at.addr.family};
    if (addr_eq(&at.addr, &any)) /* "[::]" takes IPv4, too */
        at.addr = addr_from_v4((const uint8_t[]){127, 0, 0, 1});
    endpoint_format(&at, text);
    fprintf(to, "  try:      curl -i%s%s%s http%s://%s/v2/%s\n", tls ? "k" : "",
            !tls && rule->protocols == TLS_H2 ? " --http2-prior-knowledge" : "",
            rule->introduced ? " --haproxy-protocol" : "", tls ? "s" : "", text,
            b->is_preset ? "pause/manifests/3.10" : "");
}

void banner_print(const struct banner *b, const struct server_started *started, FILE *to)
{
    char text[ENDPOINT_TEXT_MAX];
    fputs("archeio " ARCHEIO_VERSION " answers on ", to);
    for (size_t i = 0; i < started->n_listen; i++) {
        endpoint_format(&started->listen[i], text);
        fprintf(to, "%s%s", i > 0 ? ", " : "", text);
        print_kind(&started->rules->rule[i], to);
    }
    fprintf(to, "\n  serves:   %s, and blobs from %u store%s\n", b->upstream, b->n_stores,
            b->n_stores == 1 ? "" : "s");
    if (b->n_routes > 0)
        fprintf(to, "  routes:   %u, which come first\n", b->n_routes);
    print_ranges(b, to);
    if (started->decides) {
        endpoint_format(&started->listen[started->n_listen], text);
        fprintf(to, "  decides:  http://%s/decide?path=/v2/\n", text);
    }
    if (started->admin != NULL)
        fprintf(to, "  metrics:  http://%s/metrics\n", started->admin);
    else
        fputs("  metrics:  off\n", to);
    if (started->n_listen > 0)
        print_curl(b, started, to);
}

void banner_release(struct banner *b)
{
    free(b->upstream);
    b->upstream = NULL;
}
