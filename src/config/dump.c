#include "config/dump.h"

#include "config/dump_routes.h"
#include "config/listen.h"
#include "config/origin.h"
#include "config/preset.h"
#include "config/quote.h"
#include "config/schema.h"
#include "config/stores.h"
#include "config/value.h"
#include <string.h>

/* ── Values ── */

static size_t put_place(const struct config_place *p, FILE *to)
{
    if (p->region[0] != '\0') /* names begin with letters or digits: together they need no quotes */
        return (size_t)fprintf(to, "%s/%s", p->cloud, p->region);
    return quote_text(p->cloud[0] == '\0' ? "default" : p->cloud, to);
}

static size_t put_places(const struct config_place *places, size_t n, FILE *to)
{
    size_t columns = 2;
    fputc('[', to);
    for (size_t i = 0; i < n; i++) {
        columns += i > 0 ? (size_t)fprintf(to, ", ") : 0;
        columns += put_place(&places[i], to);
    }
    fputc(']', to);
    return columns;
}

/* ── Rows ── */

static uint64_t load_number(const struct config *c, const struct schema_row *row)
{
    const char *at = (const char *)c + row->offset;
    uint32_t narrow;
    uint64_t wide;
    if (row->size == sizeof(narrow)) {
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, at, sizeof(wide));
    return wide;
}

static bool all_plain(const struct config_server *s)
{
    size_t i = 0;
    while (i < s->n_listen && listen_is_plain(&s->listen[i]))
        i++;
    return i == s->n_listen;
}

static size_t put_addresses(const struct config_server *s, FILE *to)
{
    size_t columns = 2;
    fputc('[', to);
    for (size_t i = 0; i < s->n_listen; i++) {
        columns += i > 0 ? (size_t)fprintf(to, ", ") : 0;
        columns += quote_quoted(s->listen[i].address, to);
    }
    fputc(']', to);
    return columns;
}

static size_t put_value(const struct config *c, const struct schema_row *row, FILE *to)
{
    char number[SCHEMA_NUMBER_MAX];
    switch (row->type) {
    case SCHEMA_LISTEN:
        return put_addresses(&c->server, to);
    case SCHEMA_PREFIXES:
        return quote_prefixes((const void *)((const char *)c + row->offset), to);
    case SCHEMA_PLACES:
        return put_places(c->upstream.blobs_for, c->upstream.n_blobs_for, to);
    case SCHEMA_COUNT:
    case SCHEMA_CHOICE:
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
    case SCHEMA_RATE:
    case SCHEMA_PERCENT:
        return (size_t)fprintf(to, "%s", schema_number_text(row, load_number(c, row), number));
    default:
        break;
    }
    const char *text;
    memcpy(&text, (const char *)c + row->offset, sizeof(text));
    return quote_text(text, to);
}

static void put_protocols(unsigned protocols, FILE *to)
{
    const char *between = "";
    fputs("      protocols: [", to);
    for (unsigned i = 0; listen_protocols[i] != NULL; i++) {
        if ((protocols & 1U << i) == 0)
            continue;
        fprintf(to, "%s%s", between, listen_protocols[i]);
        between = ", ";
    }
    fputs("]\n", to);
}

static void put_listener(const struct config_listen *l, FILE *to)
{
    size_t column = (size_t)fprintf(to, listen_is_plain(l) ? "    - " : "    - address: ");
    origin_end_line(&l->origin, column + quote_quoted(l->address, to), to);
    if (listen_is_plain(l))
        return;
    if (l->n_certificates > 0)
        fputs("      tls:\n", to);
    for (size_t i = 0; i < l->n_certificates; i++) {
        fputs("        - certificate: ", to);
        quote_text(l->certificate[i].certificate, to);
        fputs("\n          key: ", to);
        quote_text(l->certificate[i].key, to);
        fputc('\n', to);
    }
    put_protocols(l->protocols, to);
    fputs("      proxy_protocol: ", to);
    quote_prefixes(&l->proxy_protocol, to);
    fputc('\n', to);
}

static void put_listeners(const struct config *c, const struct config_origin *o, FILE *to)
{
    origin_end_line(o, (size_t)fprintf(to, "  listen:"), to);
    for (size_t i = 0; i < c->server.n_listen; i++)
        put_listener(&c->server.listen[i], to);
}

static void put_stores(const struct config *c, const struct config_origin *o, FILE *to)
{
    size_t column = (size_t)fprintf(to, c->n_stores > 0 ? "stores:" : "stores: []");
    origin_end_line(o, column, to);
    for (size_t i = 0; i < c->n_stores; i++) {
        const struct config_store *s = &c->stores[i];
        fputs("  - name: ", to);
        origin_end_line(&s->origin, 10 + quote_text(s->name, to), to);
        fputs("    url: ", to);
        quote_text(s->url, to);
        fputs("\n    serves: ", to);
        put_places(s->serves, s->n_serves, to);
        fputs(s->index ? "\n    index: true\n" : "\n", to);
    }
}

/* What is no section, and takes lines of its own. */
static void put_whole(const struct config *c, size_t i, FILE *to)
{
    enum schema_type type = schema_rows[i].type;
    if (type == SCHEMA_STORES)
        put_stores(c, &c->origins[i], to);
    else if (type == SCHEMA_UPSTREAMS)
        dump_routes_upstreams(c, &c->origins[i], to);
    else if (type == SCHEMA_PROVIDERS)
        dump_routes_providers(c, &c->origins[i], to);
    else
        dump_routes(c, &c->origins[i], to);
}

static void put_row(const struct config *c, size_t i, FILE *to)
{
    const struct schema_row *row = &schema_rows[i];
    const char *dot = strchr(row->name, '.'), *key = dot != NULL ? dot + 1 : row->name;
    size_t column = (size_t)fprintf(to, "%s%s: ", dot != NULL ? "  " : "", key);
    column += put_value(c, row, to);
    origin_end_line(&c->origins[i], column, to);
}

void dump_config(const struct config *c, FILE *to)
{
    const char *section = "";
    size_t section_len = 0;
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_row *row = &schema_rows[i];
        size_t len = strcspn(row->name, ".");
        if (row->type == SCHEMA_PRESET)
            continue;
        if (row->type == SCHEMA_STORES || row->type == SCHEMA_UPSTREAMS ||
            row->type == SCHEMA_PROVIDERS || row->type == SCHEMA_ROUTES) {
            put_whole(c, i, to);
            continue;
        }
        if (len != section_len || strncmp(section, row->name, len) != 0) {
            fwrite(row->name, 1, len, to);
            fputs(":\n", to);
        }
        section = row->name;
        section_len = len;
        if (row->type == SCHEMA_LISTEN && !all_plain(&c->server))
            put_listeners(c, &c->origins[i], to);
        else
            put_row(c, i, to);
    }
}
