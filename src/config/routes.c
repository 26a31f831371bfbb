#include "config/routes.h"

#include "base/name.h"
#include "config/pattern.h"
#include "config/to.h"
#include "config/value.h"
#include "config/when.h"
#include "sys/xalloc.h"

#include <archeio/snapshot.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, WHEN, TO, STRIP };

static const struct keys_key keys[] = {
    {"name", "what metrics, logs and explain call it", true},
    {"when", "the conditions, all of which must hold; without any: always", false},
    {"to", "a list of stores and upstreams, or url and status, or status and body", true},
    {"strip", "what is cut off the beginning of paths: /release", false},
};
const struct keys routes_keys = {"routes", "route", keys, sizeof(keys) / sizeof(keys[0])};

static bool read_name(struct reader *r, const struct document_node *node,
                      struct config_route *route)
{
    const struct config *c = r->config;
    if (!reader_scalar(r, node, "routes: name", "a word"))
        return false;
    const char *expected = name_check(str_from(node->text));
    if (expected != NULL)
        return reader_unfit(r, node, "routes: name", expected);
    for (size_t i = 0; i + 1 < c->n_routes; i++)
        if (c->routes[i].name != NULL && strcmp(c->routes[i].name, node->text) == 0) {
            reader_error(r, node, "routes: name", "\"%s\" is taken by the route in line %u",
                         node->text, c->routes[i].origin.line);
            return false;
        }
    route->name = xalloc_text(node->text);
    return true;
}

static bool read_strip(struct reader *r, const struct document_node *node,
                       struct config_route *route)
{
    static const char expected[] = "the beginning of a path without wildcards, such as /release";
    if (!reader_scalar(r, node, "routes: strip", expected))
        return false;
    struct str text = value_trim_end(str_from(node->text));
    if (text.len > 0 && (pattern_check_path(text) != NULL || str_find(text, '*') < text.len))
        return reader_unfit(r, node, "routes: strip", expected);
    route->strip = xalloc_copy(text.data, text.len);
    return true;
}

static bool is_condition(const char *key)
{
    size_t i = 0;
    while (i < when_keys.n && strcmp(when_keys.key[i].name, key) != 0)
        i++;
    return i < when_keys.n;
}

/* Indented too little they are YAML all the same, beside a `when` that is empty. */
static bool has_misplaced_conditions(struct reader *r, const struct document_node *node)
{
    bool has = false;
    const bool is_mapping = node->kind == DOCUMENT_MAPPING;
    for (const struct document_node *n = is_mapping ? node->first : NULL; n != NULL; n = n->next)
        if (is_condition(n->key)) {
            struct diag_at at = {r->name, n->key_line, n->key_column};
            diag_error(r->d, at,
                       "routes: %s is a condition; write it below \"when:\", and indent it further "
                       "than that",
                       n->key);
            has = true;
        }
    return has;
}

static bool read_route(struct reader *r, const struct document_node *node,
                       struct config_route *route)
{
    const struct document_node *given[KEYS_MAX];
    route->origin = reader_origin(r, node);
    if (has_misplaced_conditions(r, node))
        return false;
    bool good = keys_collect(r, &routes_keys, node, given);
    if (given[NAME] != NULL)
        good = read_name(r, given[NAME], route) && good;
    if (given[WHEN] != NULL && !document_is_null(given[WHEN]))
        good = when_read(r, given[WHEN], &route->when) && good;
    if (given[TO] != NULL)
        good = to_read(r, given[TO], route) && good;
    if (given[STRIP] != NULL)
        good = read_strip(r, given[STRIP], route) && good;
    return good;
}

bool routes_read(struct reader *r, const struct document_node *list)
{
    struct config *c = r->config;
    bool good = reader_list(r, list, "routes", "a list of routes (\"- name: ...\")");
    routes_clear(c);
    for (const struct document_node *n = list->first; n != NULL && list->kind == DOCUMENT_LIST;
         n = n->next) {
        if (c->n_routes == SNAPSHOT_ROUTES_MAX)
            return reader_unfit(r, n, "routes", "at most 4096 routes");
        c->routes = xalloc_grow(c->routes, c->n_routes, sizeof(*c->routes));
        c->routes[c->n_routes++] = (struct config_route){.when = WHEN_ALWAYS};
        good = read_route(r, n, &c->routes[c->n_routes - 1]) && good;
    }
    return good;
}

void routes_clear(struct config *c)
{
    for (size_t i = 0; i < c->n_routes; i++) {
        when_clear(&c->routes[i].when);
        to_clear(&c->routes[i]);
        free(c->routes[i].name);
        free(c->routes[i].strip);
    }
    free(c->routes);
    c->routes = NULL;
    c->n_routes = 0;
}
