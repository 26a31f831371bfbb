#include "config/routes_check.h"

#include "base/glob.h"
#include "config/own.h"
#include "config/routes.h"
#include "config/texts.h"
#include "config/upstreams.h"
#include "sys/xalloc.h"

#include <stdlib.h>
#include <string.h>

/* ── Names ── */

static const struct config_store *find_store(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_stores; i++)
        if (strcmp(c->stores[i].name, name) == 0)
            return &c->stores[i];
    return NULL;
}

static const struct config_named_upstream *find_upstream(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_upstreams; i++)
        if (strcmp(c->upstreams[i].name, name) == 0)
            return &c->upstreams[i];
    return NULL;
}

static bool is_reserved(const char *name)
{
    return strcmp(name, UPSTREAMS_OWN) == 0 || strcmp(name, ROUTES_STORES) == 0;
}

static void unknown_target(const struct config *c, const struct config_target *t, struct diag *d)
{
    const char **names = xalloc_zero(c->n_stores + c->n_upstreams + 2, sizeof(*names));
    size_t n = 0;
    names[n++] = UPSTREAMS_OWN;
    names[n++] = ROUTES_STORES;
    for (size_t i = 0; i < c->n_stores; i++)
        names[n++] = c->stores[i].name;
    for (size_t i = 0; i < c->n_upstreams; i++)
        names[n++] = c->upstreams[i].name;
    const char *nearest = diag_nearest(t->name, names, n);
    diag_error(d, config_at(&t->origin),
               "routes: to: no store or upstream is called \"%.64s\"; %s%s%s", t->name,
               nearest != NULL ? "did you mean \"" : "add it to stores or upstreams",
               nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    free(names);
}

static void unknown_provider(const struct config *c, const struct config_route *route,
                             const char *name, struct diag *d)
{
    const char **names = xalloc_zero(c->n_providers + 1, sizeof(*names));
    for (size_t i = 0; i < c->n_providers; i++)
        names[i] = c->providers[i].name;
    const char *nearest = diag_nearest(name, names, c->n_providers);
    diag_error(d, config_at(&route->origin), "routes: provider: none is called \"%.64s\"; %s%s%s",
               name, nearest != NULL ? "did you mean \"" : "add it to providers",
               nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    free(names);
}

static void check_names(const struct config *c, const struct config_route *route, struct diag *d)
{
    for (size_t i = 0; i < route->n_to; i++) {
        const char *name = route->to[i].name;
        if (name != NULL && !is_reserved(name) && find_store(c, name) == NULL &&
            find_upstream(c, name) == NULL)
            unknown_target(c, &route->to[i], d);
    }
    for (size_t i = 0; i < route->when.providers.n; i++) {
        const char *name = route->when.providers.text[i];
        size_t j = 0;
        while (j < c->n_providers && strcmp(c->providers[j].name, name) != 0)
            j++;
        if (j == c->n_providers)
            unknown_provider(c, route, name, d);
    }
}

/* What routes could not tell apart. */
static void check_twins(const struct config *c, struct diag *d)
{
    for (size_t i = 0; i < c->n_stores; i++) {
        const struct config_store *s = &c->stores[i];
        if (is_reserved(s->name) || find_upstream(c, s->name) != NULL)
            diag_error(d, config_at(&s->origin),
                       "stores: with routes, a store may not be called \"%s\"%s", s->name,
                       is_reserved(s->name) ? ", which has a meaning there"
                                            : ": so is one of the upstreams");
    }
}

/* ── Targets that lead back here ── */

static const struct config_route *route_of_host(const struct config *c, struct str host)
{
    for (size_t i = 0; i < c->n_routes; i++)
        for (size_t j = 0; j < c->routes[i].when.hosts.n; j++)
            if (str_eq_nocase(str_from(c->routes[i].when.hosts.text[j]), host))
                return &c->routes[i];
    return NULL;
}

static const char *url_of(const struct config *c, const struct config_target *t)
{
    if (t->url != NULL || t->name == NULL)
        return t->url;
    if (strcmp(t->name, UPSTREAMS_OWN) == 0)
        return c->upstream.endpoint;
    const struct config_store *s = find_store(c, t->name);
    const struct config_named_upstream *u = find_upstream(c, t->name);
    return s != NULL ? s->url : u != NULL ? u->endpoint : NULL;
}

static void check_loop(const struct config *c, const struct config_target *t, struct diag *d)
{
    const char *url = url_of(c, t);
    if (url == NULL)
        return;
    struct own_authority to = own_authority(url);
    const char *listener = own_listener(c, &to);
    const struct config_route *route = route_of_host(c, to.host);
    if (listener != NULL)
        diag_error(d, config_at(&t->origin),
                   "routes: to: %s is this server (%s): clients would be sent in circles", url,
                   listener);
    else if (route != NULL)
        diag_error(
            d, config_at(&t->origin),
            "routes: to: %s is a host that route %s is for: clients would be sent in circles", url,
            route->name);
}

/* ── Lists ── */

static bool starts_with(const struct config_texts *texts, const char *beginning)
{
    size_t i = 0;
    while (i < texts->n && strncmp(texts->text[i], beginning, strlen(beginning)) == 0)
        i++;
    return texts->n > 0 && i == texts->n;
}

/* Is every request that the route may take one of the registry? Then the steps know where to go. */
static bool is_of_registry(const struct config_when *w)
{
    return w->repositories.n > 0 || (w->kinds != 0 && (w->kinds & 1U) == 0) ||
           starts_with(&w->paths, "/v2/");
}

static bool is_store(const struct config *c, const struct config_target *t)
{
    return t->name != NULL &&
           (strcmp(t->name, ROUTES_STORES) == 0 || find_store(c, t->name) != NULL);
}

static void check_list(const struct config *c, const struct config_route *route, struct diag *d)
{
    const struct config_target *last = &route->to[route->n_to - 1];
    if (is_store(c, last) && !is_of_registry(&route->when))
        diag_error(d, config_at(&last->origin),
                   "routes: route %s ends with a store, and paths outside /v2/ have nowhere to go "
                   "if it has not what they ask for; add an upstream or a url behind it, or a "
                   "condition on repository",
                   route->name);
    for (size_t i = 0; i + 1 < route->n_to; i++)
        if (!is_store(c, &route->to[i])) {
            diag_warning(d, config_at(&route->to[i + 1].origin),
                         "routes: what stands behind \"%s\" is never reached",
                         route->to[i].name != NULL  ? route->to[i].name
                         : route->to[i].url != NULL ? route->to[i].url
                                                    : "status");
            break;
        }
}

static void check_strip(const struct config_route *route, struct diag *d)
{
    if (route->strip == NULL)
        return;
    if (route->when.paths.n == 0)
        diag_error(d, config_at(&route->origin),
                   "routes: route %s strips %s, but may be taken by other paths; add \"path: "
                   "%s/**\" to its conditions",
                   route->name, route->strip, route->strip);
    for (size_t i = 0; i < route->when.paths.n; i++) {
        struct str path = str_from(route->when.paths.text[i]);
        struct str literal = str_make(path.data, glob_literal(path));
        struct str strip = str_from(route->strip);
        if (!str_starts(literal, strip) || literal.len == strip.len ||
            literal.data[strip.len] != '/')
            diag_error(d, config_at(&route->origin),
                       "routes: route %s strips %s, which %s does not begin with", route->name,
                       route->strip, route->when.paths.text[i]);
    }
}

/* ── Routes that are never reached ── */

static bool texts_cover(const struct config_texts *outer, const struct config_texts *inner)
{
    if (outer->n == 0)
        return true;
    for (size_t i = 0; i < inner->n; i++)
        if (!texts_have(outer, inner->text[i]))
            return false;
    return inner->n > 0;
}

/* "a/" '**' takes all that any pattern matches which begins with "a/". */
static bool pattern_covers(struct str outer, struct str inner)
{
    struct str literal = str_make(inner.data, glob_literal(inner));
    if (str_eq(outer, inner) || str_eq(outer, STR("**")))
        return true;
    if (literal.len == inner.len)
        return glob_matches(outer, inner);
    size_t fixed = glob_literal(outer);
    return str_eq(str_skip(outer, fixed), STR("**")) &&
           str_starts(literal, str_make(outer.data, fixed));
}

static bool patterns_cover(const struct config_texts *outer, const struct config_texts *inner)
{
    if (outer->n == 0)
        return true;
    for (size_t i = 0; i < inner->n; i++) {
        size_t j = 0;
        while (j < outer->n && !pattern_covers(str_from(outer->text[j]), str_from(inner->text[i])))
            j++;
        if (j == outer->n)
            return false;
    }
    return inner->n > 0;
}

static bool numbers_cover(const struct config_numbers *outer, const struct config_numbers *inner)
{
    if (outer->n == 0)
        return true;
    for (size_t i = 0; i < inner->n; i++) {
        size_t j = 0;
        while (j < outer->n && outer->number[j] != inner->number[i])
            j++;
        if (j == outer->n)
            return false;
    }
    return inner->n > 0;
}

static bool networks_cover(const struct config_prefixes *outer, const struct config_prefixes *inner)
{
    if (outer->n == 0)
        return true;
    for (size_t i = 0; i < inner->n; i++) {
        size_t j = 0;
        while (j < outer->n && (outer->prefix[j].bits > inner->prefix[i].bits ||
                                !prefix_holds(&outer->prefix[j], &inner->prefix[i].addr)))
            j++;
        if (j == outer->n)
            return false;
    }
    return inner->n > 0;
}

static bool bits_cover(unsigned outer, unsigned inner)
{
    return outer == 0 || (inner != 0 && (inner & ~outer) == 0);
}

static bool fields_cover(const struct config_when *outer, const struct config_when *inner)
{
    for (size_t i = 0; i < outer->n_fields; i++) {
        size_t j = 0;
        while (j < inner->n_fields && strcmp(outer->fields[i].name, inner->fields[j].name) != 0)
            j++;
        if (j == inner->n_fields ||
            !patterns_cover(&outer->fields[i].values, &inner->fields[j].values))
            return false;
    }
    return true;
}

/* Is every request that inner's conditions admit one that outer's admit, too? Where that is hard to
 * say, no. */
static bool covers(const struct config_when *outer, const struct config_when *inner)
{
    return outer->share == ROUTES_SHARE_ALL && texts_cover(&outer->clouds, &inner->clouds) &&
           texts_cover(&outer->regions, &inner->regions) &&
           texts_cover(&outer->providers, &inner->providers) &&
           numbers_cover(&outer->asns, &inner->asns) &&
           networks_cover(&outer->networks, &inner->networks) &&
           texts_cover(&outer->hosts, &inner->hosts) &&
           patterns_cover(&outer->paths, &inner->paths) &&
           patterns_cover(&outer->repositories, &inner->repositories) &&
           bits_cover(outer->kinds, inner->kinds) && bits_cover(outer->methods, inner->methods) &&
           fields_cover(outer, inner);
}

static void warn_of_unreachable(const struct config *c, size_t i, struct diag *d)
{
    for (size_t j = 0; j < i; j++) {
        if (!covers(&c->routes[j].when, &c->routes[i].when))
            continue;
        diag_warning(d, config_at(&c->routes[i].origin),
                     "routes: route %s is never reached: route %s, before it, takes all that it "
                     "would",
                     c->routes[i].name, c->routes[j].name);
        return;
    }
}

void routes_check(const struct config *c, struct diag *d)
{
    if (c->n_routes == 0)
        return;
    check_twins(c, d);
    for (size_t i = 0; i < c->n_routes; i++) {
        const struct config_route *route = &c->routes[i];
        check_names(c, route, d);
        for (size_t j = 0; j < route->n_to; j++)
            check_loop(c, &route->to[j], d);
        check_list(c, route, d);
        check_strip(route, d);
        warn_of_unreachable(c, i, d);
    }
}
