#include "config/reader.h"

#include "base/name.h"
#include "base/num.h"
#include "config/listen.h"
#include "config/providers.h"
#include "config/routes.h"
#include "config/stores.h"
#include "config/upstreams.h"
#include "config/value.h"
#include "sys/xalloc.h"
#include <archeio/lpm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 1024

/* ── What every reader needs ── */

void reader_error(struct reader *r, const struct document_node *node, const char *label,
                  const char *format, ...)
{
    bool variable = r->source == CONFIG_ENVIRONMENT;
    struct diag_at at = {variable ? NULL : r->name, node->line, node->column};
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    diag_error(r->d, at, "%s%s: %s", variable ? "environment: " : "", variable ? r->name : label,
               n < 0 ? "out of memory" : text);
    if (n >= 0)
        free(text);
}

struct config_origin reader_origin(const struct reader *r, const struct document_node *node)
{
    return (struct config_origin){r->source, r->name, node->line, node->column};
}

bool reader_scalar(struct reader *r, const struct document_node *node, const char *label,
                   const char *expected)
{
    if (node->kind == DOCUMENT_SCALAR && !document_is_null(node))
        return true;
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, label, "expected %s, got %s", expected, document_show(node, shown));
    return false;
}

bool reader_unfit(struct reader *r, const struct document_node *node, const char *label,
                  const char *expected)
{
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, label, "expected %s, got %s", expected, document_show(node, shown));
    return false;
}

bool reader_list(struct reader *r, const struct document_node *node, const char *label,
                 const char *expected)
{
    return node->kind == DOCUMENT_LIST || reader_unfit(r, node, label, expected);
}

/* ── Numbers ── */

static void store_number(struct config *c, const struct schema_row *row, uint64_t value)
{
    char *at = (char *)c + row->offset;
    uint32_t narrow = (uint32_t)value;
    if (row->size == sizeof(narrow))
        memcpy(at, &narrow, sizeof(narrow));
    else
        memcpy(at, &value, sizeof(value));
}

/* NULL, or what was expected. A quoted "8" is text, not a number. */
static const char *parse_number(const struct schema_row *row, const struct document_node *node,
                                uint64_t *out)
{
    struct str text = str_from(node->text);
    if (row->type == SCHEMA_DURATION)
        return value_duration(text, (int64_t *)out);
    if (row->type == SCHEMA_SIZE)
        return value_size(text, out);
    if (row->type == SCHEMA_RATE)
        return value_rate(text, out);
    if (row->type == SCHEMA_PERCENT)
        return value_percent(text, out);
    if (row->words != NULL && strcmp(node->text, row->words[0]) == 0) {
        *out = 0;
        return NULL;
    }
    if (!node->plain || !num_parse(text, UINT64_MAX, out))
        return schema_type_text(row);
    return row->words != NULL && *out == 0 ? schema_type_text(row) : NULL;
}

static bool read_number(struct reader *r, const struct schema_row *row,
                        const struct document_node *node)
{
    uint64_t value = 0;
    if (!reader_scalar(r, node, row->name, schema_type_text(row)))
        return false;
    const char *expected = parse_number(row, node, &value);
    if (expected != NULL)
        return reader_unfit(r, node, row->name, expected);
    bool is_word = row->words != NULL && value == 0;
    if (!is_word && (value < row->least || value > row->most)) {
        char range[SCHEMA_RANGE_MAX];
        reader_error(r, node, row->name, "%s is out of range; expected %s", node->text,
                     schema_range_text(row, range));
        return false;
    }
    store_number(r->config, row, value);
    return true;
}

/* ── Words and texts ── */

/* The index of node's word among the row's, or an error and -1. */
static int read_word(struct reader *r, const struct schema_row *row,
                     const struct document_node *node)
{
    char range[SCHEMA_RANGE_MAX];
    schema_range_text(row, range);
    if (!reader_scalar(r, node, row->name, range))
        return -1;
    size_t n = 0;
    for (; row->words[n] != NULL; n++)
        if (strcmp(row->words[n], node->text) == 0)
            return (int)n;
    const char *nearest = diag_nearest(node->text, row->words, n);
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, row->name, "expected %s, got %s%s%s%s", range, document_show(node, shown),
                 nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                 nearest != NULL ? "\"?" : "");
    return -1;
}

static bool read_choice(struct reader *r, const struct schema_row *row,
                        const struct document_node *node)
{
    int word = read_word(r, row, node);
    if (word >= 0)
        store_number(r->config, row, (uint64_t)word);
    return word >= 0;
}

static const char *check_text(const struct schema_row *row, struct str text)
{
    if (text.len == 0)
        return row->optional ? NULL : schema_type_text(row);
    if (row->type == SCHEMA_ADDRESS)
        return value_listen(text);
    if (row->type == SCHEMA_URL)
        return value_base_url(text);
    if (row->type == SCHEMA_PAGE)
        return value_page_url(text);
    if (row->type == SCHEMA_USER)
        return name_check(text.data[0] == '_' ? str_skip(text, 1) : text);
    return row->type == SCHEMA_PATH ? value_path(text) : value_file(text);
}

static bool read_text(struct reader *r, const struct schema_row *row,
                      const struct document_node *node)
{
    if (!reader_scalar(r, node, row->name, schema_type_text(row)))
        return false;
    struct str text = str_from(node->text);
    if (row->type == SCHEMA_URL)
        text = value_trim_end(text);
    else if (row->type == SCHEMA_PATH)
        text = value_trim(text);
    const char *expected = check_text(row, text);
    if (expected != NULL)
        return reader_unfit(r, node, row->name, expected);
    char **at = (char **)(void *)((char *)r->config + row->offset);
    free(*at);
    *at = xalloc_copy(text.data, text.len);
    return true;
}

/* ── Lists ── */

static bool read_prefix(struct reader *r, const struct document_node *node, const char *label,
                        struct prefix *out)
{
    static const char expected[] = "a prefix such as 10.0.0.0/8 or 2001:db8::/32";
    if (!reader_scalar(r, node, label, expected))
        return false;
    enum prefix_result result = prefix_parse(str_from(node->text), out);
    if (result == PREFIX_MALFORMED)
        return reader_unfit(r, node, label, expected);
    if (result == PREFIX_HOST_BITS) {
        char text[PREFIX_TEXT_MAX];
        prefix_format(out, text);
        struct diag_at at = {r->name, node->line, node->column};
        diag_warning(r->d, at, "%s: %s has bits behind its length; it is read as %s", label,
                     node->text, text);
    }
    return true;
}

bool reader_prefixes(struct reader *r, const struct document_node *list, const char *label,
                     struct config_prefixes *out)
{
    bool good = reader_list(r, list, label, "a list of prefixes such as [10.0.0.0/8]");
    for (const struct document_node *n = list->first; n != NULL && good; n = n->next) {
        if (out->n == LPM_PREFIXES_MAX)
            return reader_unfit(r, n, label, "at most 1000000 prefixes");
        out->prefix = xalloc_grow(out->prefix, out->n, sizeof(*out->prefix));
        good = read_prefix(r, n, label, &out->prefix[out->n]);
        out->n += good;
    }
    return good;
}

static bool read_prefixes(struct reader *r, const struct schema_row *row,
                          const struct document_node *list)
{
    reader_clear(r->config, row);
    return reader_prefixes(r, list, row->name, (void *)((char *)r->config + row->offset));
}

static bool is_new_place(struct reader *r, const struct document_node *node, const char *label,
                         const struct config_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(places[i].cloud, places[n].cloud) != 0 ||
            strcmp(places[i].region, places[n].region) != 0)
            continue;
        reader_error(r, node, label, "\"%s\" is listed twice; first in line %u", node->text,
                     places[i].origin.line);
        return false;
    }
    return true;
}

static bool read_place(struct reader *r, const struct document_node *node, const char *label,
                       struct config_place *out)
{
    struct str cloud, region;
    if (!reader_scalar(r, node, label, "CLOUD/REGION, CLOUD or default"))
        return false;
    const char *expected = value_place(str_from(node->text), &cloud, &region);
    if (expected != NULL)
        return reader_unfit(r, node, label, expected);
    *out = (struct config_place){
        .cloud = xalloc_copy(cloud.data, cloud.len),
        .region = xalloc_copy(region.data, region.len),
        .origin = reader_origin(r, node),
    };
    return true;
}

bool reader_places(struct reader *r, const struct document_node *list, const char *label,
                   struct config_place **out, size_t *n)
{
    bool good = reader_list(r, list, label, "a list such as [aws/eu-west-3, gcp]");
    *out = NULL;
    *n = 0;
    for (const struct document_node *node = list->first; node != NULL; node = node->next) {
        if (*n == PLACES_MAX)
            return reader_unfit(r, node, label, "at most 1024 places");
        *out = xalloc_grow(*out, *n, sizeof(**out));
        if (!read_place(r, node, label, &(*out)[*n])) {
            good = false;
            continue;
        }
        good = is_new_place(r, node, label, *out, *n) && good;
        ++*n;
    }
    return good;
}

void reader_free_places(struct config_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(places[i].cloud);
        free(places[i].region);
    }
    free(places);
}

static bool read_networks(struct reader *r, const struct schema_row *row,
                          const struct document_node *list)
{
    struct config_upstream *u = &r->config->upstream;
    reader_clear(r->config, row);
    if (!reader_places(r, list, row->name, &u->blobs_for, &u->n_blobs_for))
        return false;
    const struct document_node *node = list->first;
    for (size_t i = 0; i < u->n_blobs_for; i++, node = node->next)
        if (u->blobs_for[i].cloud[0] == '\0')
            return reader_unfit(r, node, row->name,
                                "CLOUD or CLOUD/REGION (to keep the blobs of clients whom no store "
                                "serves at the upstream, let no store serve default)");
    return true;
}

/* ── All of them ── */

static bool read_member(struct reader *r, const struct schema_row *row,
                        const struct document_node *node)
{
    switch (row->type) {
    case SCHEMA_PRESET:
        return read_word(r, row, node) >= 0;
    case SCHEMA_LISTEN:
        return listen_read(r, node);
    case SCHEMA_PREFIXES:
        return read_prefixes(r, row, node);
    case SCHEMA_COUNT:
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
    case SCHEMA_RATE:
    case SCHEMA_PERCENT:
        return read_number(r, row, node);
    case SCHEMA_CHOICE:
        return read_choice(r, row, node);
    case SCHEMA_PLACES:
        return read_networks(r, row, node);
    case SCHEMA_STORES:
        return stores_read(r, node);
    case SCHEMA_UPSTREAMS:
        return upstreams_read(r, node);
    case SCHEMA_PROVIDERS:
        return providers_read(r, node);
    case SCHEMA_ROUTES:
        return routes_read(r, node);
    case SCHEMA_ADDRESS:
    case SCHEMA_URL:
    case SCHEMA_PAGE:
    case SCHEMA_PATH:
    case SCHEMA_FILE:
    case SCHEMA_USER:
        break;
    }
    return read_text(r, row, node);
}

bool reader_row(struct reader *r, size_t row, const struct document_node *node)
{
    if (!read_member(r, &schema_rows[row], node))
        return false;
    r->config->origins[row] = reader_origin(r, node);
    return true;
}

void reader_clear(struct config *c, const struct schema_row *row)
{
    if (row->type == SCHEMA_LISTEN) {
        listen_free(c->server.listen, c->server.n_listen);
        c->server.listen = NULL;
        c->server.n_listen = 0;
    } else if (row->type == SCHEMA_PREFIXES) {
        struct config_prefixes *at = (void *)((char *)c + row->offset);
        free(at->prefix);
        *at = (struct config_prefixes){0};
    } else if (row->type == SCHEMA_PLACES) {
        reader_free_places(c->upstream.blobs_for, c->upstream.n_blobs_for);
        c->upstream.blobs_for = NULL;
        c->upstream.n_blobs_for = 0;
    } else if (row->type == SCHEMA_STORES) {
        stores_free(c->stores, c->n_stores);
        c->stores = NULL;
        c->n_stores = 0;
    } else if (row->type == SCHEMA_UPSTREAMS) {
        upstreams_clear(c);
    } else if (row->type == SCHEMA_PROVIDERS) {
        providers_clear(c);
    } else if (row->type == SCHEMA_ROUTES) {
        routes_clear(c);
    } else if (row->type == SCHEMA_ADDRESS || row->type == SCHEMA_URL || row->type == SCHEMA_PAGE ||
               row->type == SCHEMA_PATH || row->type == SCHEMA_FILE || row->type == SCHEMA_USER) {
        char **at = (char **)(void *)((char *)c + row->offset);
        free(*at);
        *at = NULL;
    }
}
