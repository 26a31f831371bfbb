#include "config/dump_routes.h"

#include "config/origin.h"
#include "config/quote.h"
#include "config/when.h"

#define NAME_COLUMN 10 /* behind "  - name: " */

static void begin(const char *key, const char *none, size_t n, const struct config_origin *o,
                  FILE *to)
{
    origin_end_line(o, (size_t)(n > 0 ? fprintf(to, "%s:", key) : fprintf(to, "%s: %s", key, none)),
                    to);
}

void dump_routes_upstreams(const struct config *c, const struct config_origin *o, FILE *to)
{
    begin("upstreams", "[]", c->n_upstreams, o, to);
    for (size_t i = 0; i < c->n_upstreams; i++) {
        const struct config_named_upstream *u = &c->upstreams[i];
        fputs("  - name: ", to);
        origin_end_line(&u->origin, NAME_COLUMN + quote_text(u->name, to), to);
        fputs("    endpoint: ", to);
        quote_text(u->endpoint, to);
        fputs("\n    path: ", to);
        quote_text(u->path, to);
        fputc('\n', to);
    }
}

static size_t put_asns(const struct config_numbers *asns, const char *between, FILE *to)
{
    size_t columns = 0;
    for (size_t i = 0; i < asns->n; i++) {
        columns += (size_t)fprintf(to, "%sas%u", between, (unsigned)asns->number[i]);
        between = ", ";
    }
    return columns;
}

void dump_routes_providers(const struct config *c, const struct config_origin *o, FILE *to)
{
    begin("providers", "{}", c->n_providers, o, to);
    for (size_t i = 0; i < c->n_providers; i++) {
        const struct config_provider *p = &c->providers[i];
        size_t column = 6;
        fputs("  ", to);
        column += quote_text(p->name, to);
        fputs(": [", to);
        for (size_t j = 0; j < p->clouds.n; j++) {
            column += j > 0 ? (size_t)fprintf(to, ", ") : 0;
            column += quote_text(p->clouds.text[j], to);
        }
        column += put_asns(&p->asns, p->clouds.n > 0 ? ", " : "", to);
        fputc(']', to);
        origin_end_line(&p->origin, column, to);
    }
}

/* ── Routes ── */

static void put_texts(const char *key, const struct config_texts *texts, FILE *to)
{
    if (texts->n == 0)
        return;
    fprintf(to, "      %s: ", key);
    quote_texts(texts, to);
    fputc('\n', to);
}

static void put_words(const char *key, unsigned bits, const char *const *word, FILE *to)
{
    const char *between = "";
    if (bits == 0)
        return;
    fprintf(to, "      %s: [", key);
    for (unsigned i = 0; word[i] != NULL; i++) {
        if ((bits & 1U << i) == 0)
            continue;
        fprintf(to, "%s%s", between, word[i]);
        between = ", ";
    }
    fputs("]\n", to);
}

static void put_fields(const struct config_when *w, FILE *to)
{
    if (w->n_fields > 0)
        fputs("      header:\n", to);
    for (size_t i = 0; i < w->n_fields; i++) {
        fputs("        ", to);
        quote_text(w->fields[i].name, to);
        fputs(": ", to);
        quote_texts(&w->fields[i].values, to);
        fputc('\n', to);
    }
}

static bool is_always(const struct config_when *w)
{
    return w->clouds.n + w->regions.n + w->providers.n + w->asns.n + w->networks.n + w->hosts.n +
                   w->paths.n + w->repositories.n + w->n_fields ==
               0 &&
           w->kinds == 0 && w->methods == 0 && w->share == WHEN_SHARE_ALL;
}

static void put_when(const struct config_when *w, FILE *to)
{
    if (is_always(w))
        return;
    fputs("    when:\n", to);
    put_texts("cloud", &w->clouds, to);
    put_texts("region", &w->regions, to);
    put_texts("provider", &w->providers, to);
    if (w->asns.n > 0) {
        fputs("      asn: [", to);
        put_asns(&w->asns, "", to);
        fputs("]\n", to);
    }
    if (w->networks.n > 0) {
        fputs("      network: ", to);
        quote_prefixes(&w->networks, to);
        fputc('\n', to);
    }
    put_texts("host", &w->hosts, to);
    put_texts("path", &w->paths, to);
    put_texts("repository", &w->repositories, to);
    put_words("kind", w->kinds, when_kinds, to);
    put_words("method", w->methods, when_methods, to);
    put_fields(w, to);
    if (w->share != WHEN_SHARE_ALL)
        fprintf(to, "      share: %u.%02u%%\n", (unsigned)w->share / 100, (unsigned)w->share % 100);
}

static void put_target(const struct config_target *t, FILE *to)
{
    fputs("      - ", to);
    if (t->name != NULL) {
        quote_text(t->name, to);
    } else if (t->url != NULL) {
        fputs("url: ", to);
        quote_text(t->url, to);
        fprintf(to, "\n        status: %u", t->status);
    } else {
        fprintf(to, "status: %u\n        body: ", t->status);
        quote_quoted(t->body, to);
    }
    fputc('\n', to);
}

void dump_routes(const struct config *c, const struct config_origin *o, FILE *to)
{
    begin("routes", "[]", c->n_routes, o, to);
    for (size_t i = 0; i < c->n_routes; i++) {
        const struct config_route *route = &c->routes[i];
        fputs("  - name: ", to);
        origin_end_line(&route->origin, NAME_COLUMN + quote_text(route->name, to), to);
        put_when(&route->when, to);
        fputs("    to:\n", to);
        for (size_t j = 0; j < route->n_to; j++)
            put_target(&route->to[j], to);
        if (route->strip != NULL) {
            fputs("    strip: ", to);
            quote_text(route->strip, to);
            fputc('\n', to);
        }
    }
}
