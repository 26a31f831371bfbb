#include "config/routes_check.h"

#include "base/glob.h"
#include "config/cover.h"
#include "config/own.h"
#include "config/providers.h"
#include "config/schema.h"
#include "config/stores.h"
#include "config/to.h"
#include "config/upstreams.h"
#include "oci/path.h"
#include "sys/xalloc.h"

#include <archeio/snapshot.h>
#include <stdlib.h>
#include <string.h>

/* ── Names ── */

static const struct config_named_upstream *find_upstream(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_upstreams; i++)
        if (strcmp(c->upstreams[i].name, name) == 0)
            return &c->upstreams[i];
    return NULL;
}

static bool is_reserved(const char *name)
{
    return strcmp(name, UPSTREAMS_OWN) == 0 || strcmp(name, TO_STORES) == 0;
}

static void unknown_target(const struct config *c, const struct config_target *t, struct diag *d)
{
    const char **names = xalloc_zero(c->n_stores + c->n_upstreams + 2, sizeof(*names));
    size_t n = 0;
    names[n++] = UPSTREAMS_OWN;
    names[n++] = TO_STORES;
    for (size_t i = 0; i < c->n_stores; i++)
        names[n++] = c->stores[i].name;
    for (size_t i = 0; i < c->n_upstreams; i++)
        names[n++] = c->upstreams[i].name;
    const char *nearest = diag_nearest(t->name, names, n);
    const char *else_do = strstr(t->name, "://") != NULL ? "a URL is written as {url: \"...\"}"
                                                         : "add it to stores or upstreams";
    diag_error(d, config_at(&t->origin),
               "routes: to: no store or upstream is called \"%.64s\"; %s%s%s", t->name,
               nearest != NULL ? "did you mean \"" : else_do, nearest != NULL ? nearest : "",
               nearest != NULL ? "\"?" : "");
    free(names);
}

static void unknown_provider(const struct config *c, const char *name,
                             const struct config_origin *origin, struct diag *d)
{
    const char **names = xalloc_zero(c->n_providers, sizeof(*names));
    for (size_t i = 0; i < c->n_providers; i++)
        names[i] = c->providers[i].name;
    const char *nearest = diag_nearest(name, names, c->n_providers);
    diag_error(d, config_at(origin), "routes: provider: none is called \"%s\"; %s%s%s", name,
               nearest != NULL ? "did you mean \"" : "add it to providers",
               nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    free(names);
}

static void check_names(const struct config *c, const struct config_route *route, struct diag *d)
{
    const struct config_texts *providers = &route->when.providers;
    for (size_t i = 0; i < route->n_to; i++) {
        const char *name = route->to[i].name;
        if (name != NULL && !is_reserved(name) && stores_find(c, name) == NULL &&
            find_upstream(c, name) == NULL)
            unknown_target(c, &route->to[i], d);
    }
    for (size_t i = 0; i < providers->n; i++)
        if (providers_find(c, providers->text[i]) == NULL)
            unknown_provider(c, providers->text[i], &providers->origin[i], d);
}

/* What routes could not tell apart. */
static void check_twins(const struct config *c, struct diag *d)
{
    for (size_t i = 0; i < c->n_stores; i++) {
        const struct config_store *s = &c->stores[i];
        if (is_reserved(s->name))
            diag_error(d, config_at(&s->origin),
                       "stores: with routes, a store may not be called \"%s\", which has a meaning "
                       "there",
                       s->name);
        else if (find_upstream(c, s->name) != NULL)
            diag_error(d, config_at(&s->origin),
                       "stores: with routes, a store may not be called \"%s\": so is one of the "
                       "upstreams",
                       s->name);
    }
}

/* A decision looks at so many fields of a request at most, whichever route they are for. */
static void check_fields(const struct config *c, struct diag *d)
{
    const char *known[SNAPSHOT_HEADERS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < c->n_routes; i++)
        for (size_t f = 0; f < c->routes[i].when.n_fields; f++) {
            const struct config_field *field = &c->routes[i].when.fields[f];
            size_t k = 0;
            while (k < n && strcmp(known[k], field->name) != 0)
                k++;
            if (k == SNAPSHOT_HEADERS_MAX) {
                diag_error(d, config_at(&field->origin),
                           "routes: header: routes may look at 16 fields of a request, and %s "
                           "would be the next",
                           field->name);
                return;
            }
            if (k == n)
                known[n++] = field->name;
        }
}

/* ── What leads back here ── */

/* There is more than one way to write an address. */
static bool is_address(struct str host, const struct addr *addr)
{
    struct addr parsed;
    if (str_starts(host, STR("[")))
        host = str_make(host.data + 1, host.len - 2);
    return addr_parse(host, &parsed) && addr_eq(&parsed, addr);
}

/* The host of a route is ours, whatever stands in front of us at the usual ports; at others there
 * may be something else. */
static const struct config_route *route_of_host(const struct config *c,
                                                const struct own_authority *to)
{
    struct str name =
        str_ends(to->host, STR(".")) ? str_make(to->host.data, to->host.len - 1) : to->host;
    struct addr addr;
    bool literal = addr_parse(to->host, &addr);
    if (!own_port(c, to->port))
        return NULL;
    for (size_t i = 0; i < c->n_routes; i++)
        for (size_t j = 0; j < c->routes[i].when.hosts.n; j++) {
            struct str host = str_from(c->routes[i].when.hosts.text[j]);
            if (literal ? is_address(host, &addr) : str_eq_nocase(host, name))
                return &c->routes[i];
        }
    return NULL;
}

static void check_url(const struct config *c, const char *url, const struct config_origin *origin,
                      const char *label, struct diag *d)
{
    if (url[0] == '\0')
        return;
    struct own_authority to = own_authority(url);
    const char *listener = own_listener(c, &to);
    const struct config_route *route = route_of_host(c, &to);
    if (listener != NULL)
        diag_error(d, config_at(origin),
                   "%s: %s is this server (%s): clients would be sent in circles", label, url,
                   listener);
    else if (route != NULL)
        diag_error(d, config_at(origin),
                   "%s: %s is a host that route %s is for: clients would be sent in circles", label,
                   url, route->name);
}

static void check_setting_url(const struct config *c, const char *setting, const char *url,
                              struct diag *d)
{
    check_url(c, url, &c->origins[schema_find(setting)], setting, d);
}

static void check_loops(const struct config *c, struct diag *d)
{
    check_setting_url(c, "pages.info", c->info_page, d);
    check_setting_url(c, "pages.privacy", c->privacy_page, d);
    check_setting_url(c, "upstream.endpoint", c->upstream.endpoint, d);
    check_setting_url(c, "signatures.endpoint", c->signature_endpoint, d);
    for (size_t i = 0; i < c->n_stores; i++)
        check_url(c, c->stores[i].url, &c->stores[i].origin, "stores", d);
    for (size_t i = 0; i < c->n_upstreams; i++)
        check_url(c, c->upstreams[i].endpoint, &c->upstreams[i].origin, "upstreams", d);
    for (size_t i = 0; i < c->n_routes; i++)
        for (size_t j = 0; j < c->routes[i].n_to; j++)
            if (c->routes[i].to[j].url != NULL)
                check_url(c, c->routes[i].to[j].url, &c->routes[i].to[j].origin, "routes: to", d);
}

/* ── Lists ── */

static bool starts_with(const struct config_texts *texts, const char *beginning)
{
    size_t i = 0;
    while (i < texts->n && strncmp(texts->text[i], beginning, strlen(beginning)) == 0)
        i++;
    return texts->n > 0 && i == texts->n;
}

/* May the route take requests for that kind of path? */
static bool takes(const struct config_when *w, enum path_kind kind)
{
    return (w->kinds == 0 || (w->kinds & 1U << kind) != 0) &&
           (kind != PATH_OTHER || w->repositories.n == 0);
}

/* Is every request that the route may take one of the registry? Then the steps know where to go. */
static bool is_of_registry(const struct config_when *w)
{
    return !takes(w, PATH_OTHER) || starts_with(&w->paths, "/v2/");
}

static bool is_store(const struct config *c, const struct config_target *t)
{
    return t->name != NULL && (strcmp(t->name, TO_STORES) == 0 || stores_find(c, t->name) != NULL);
}

static bool is_upstream(const struct config *c, const struct config_target *t)
{
    return t->name != NULL &&
           (strcmp(t->name, UPSTREAMS_OWN) == 0 || find_upstream(c, t->name) != NULL);
}

/* Whether each of them has an object, nobody knows before they have been asked. */
static bool all_are_stores(const struct config *c, const struct config_route *route)
{
    size_t i = 0;
    while (i < route->n_to && is_store(c, &route->to[i]))
        i++;
    return i == route->n_to;
}

static void check_end(const struct config *c, const struct config_route *route, struct diag *d)
{
    if (all_are_stores(c, route) && !is_of_registry(&route->when))
        diag_error(
            d, config_at(&route->to[route->n_to - 1].origin),
            "routes: route %s ends with a store, so paths outside /v2/ that it does not have "
            "would lead nowhere; add an upstream or a url behind it, or a condition such as "
            "kind: blob or repository: \"**\"",
            route->name);
}

/* Everybody is sent to a url, or answered. An upstream is not asked for the registry's base and
 * catalog, nor for a digest that is none; then no other upstream or store is either. */
static void warn_of_dead_targets(const struct config *c, const struct config_route *route,
                                 struct diag *d)
{
    const struct config_target *upstream = NULL, *end = NULL;
    bool some_pass = takes(&route->when, PATH_OTHER) || takes(&route->when, PATH_BLOB);
    for (size_t i = 0; i < route->n_to; i++) {
        const struct config_target *t = &route->to[i];
        if (end == NULL && (t->name != NULL || !some_pass))
            end = upstream;
        if (end != NULL) {
            diag_warning(d, config_at(&t->origin),
                         "routes: to: nobody gets here: \"%s\", before it, is for everybody",
                         end->name != NULL  ? end->name
                         : end->url != NULL ? end->url
                                            : "status");
            return;
        }
        if (t->name == NULL)
            end = t;
        else if (upstream == NULL && is_upstream(c, t))
            upstream = t;
    }
}

static void check_strip(const struct config_route *route, struct diag *d)
{
    const struct config_texts *paths = &route->when.paths;
    if (route->strip == NULL || route->strip[0] == '\0')
        return;
    if (paths->n == 0)
        diag_error(d, config_at(&route->origin),
                   "routes: route %s strips %s, but may be taken by other paths; add \"path: "
                   "%s/**\" to its conditions",
                   route->name, route->strip, route->strip);
    for (size_t i = 0; i < paths->n; i++) {
        struct str path = str_from(paths->text[i]), strip = str_from(route->strip);
        size_t literal = glob_literal(path);
        if (str_eq(path, strip) ||
            (str_starts(path, strip) && literal > strip.len && path.data[strip.len] == '/'))
            continue;
        diag_error(d, config_at(&paths->origin[i]),
                   "routes: path: route %s strips %s, which %s does not begin with", route->name,
                   route->strip, paths->text[i]);
    }
}

/* ── Routes that are never taken ── */

static void warn_of_unreachable(const struct config *c, size_t i, size_t *effort, struct diag *d)
{
    const struct config_route *route = &c->routes[i];
    const char *both = cover_contradiction(&route->when);
    if (both != NULL) {
        diag_warning(d, config_at(&route->origin),
                     "routes: route %s is never taken: no request meets its conditions on %s",
                     route->name, both);
        return;
    }
    for (size_t j = 0; j < i; j++) {
        if (!cover_when(c, &c->routes[j].when, &route->when, effort))
            continue;
        diag_warning(d, config_at(&route->origin),
                     "routes: route %s is never taken: route %s in line %u takes all that it would",
                     route->name, c->routes[j].name, c->routes[j].origin.line);
        return;
    }
}

void routes_check(const struct config *c, struct diag *d)
{
    size_t effort = COVER_EFFORT;
    if (c->n_routes == 0)
        return;
    check_twins(c, d);
    check_fields(c, d);
    check_loops(c, d);
    for (size_t i = 0; i < c->n_routes; i++) {
        const struct config_route *route = &c->routes[i];
        check_names(c, route, d);
        check_end(c, route, d);
        check_strip(route, d);
        warn_of_dead_targets(c, route, d);
        warn_of_unreachable(c, i, &effort, d);
    }
}
