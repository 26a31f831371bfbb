#include "config/check.h"

#include "config/cover.h"
#include "config/own.h"
#include "config/routes_check.h"
#include "config/schema.h"
#include "config/when.h"
#include "sys/clock.h"
#include <string.h>

#define WAIT_ADVISED (10 * CLOCK_S)

/* ── Stores ── */

static bool is_named_by_a_route(const struct config *c, const struct config_store *s)
{
    for (size_t i = 0; i < c->n_routes; i++)
        for (size_t j = 0; j < c->routes[i].n_to; j++)
            if (c->routes[i].to[j].name != NULL && strcmp(c->routes[i].to[j].name, s->name) == 0)
                return true;
    return false;
}

static void check_stores(const struct config *c, struct diag *d)
{
    for (size_t i = 0; i < c->n_stores; i++)
        if (c->stores[i].n_serves == 0 && !is_named_by_a_route(c, &c->stores[i]))
            diag_warning(d, config_at(&c->stores[i].origin),
                         "stores: store %s serves nobody; list places in serves, or remove it",
                         c->stores[i].name);
}

/* ── Clients ── */

/* Whoever can connect can write the header that the default believes: a limit by client would then
 * be none, and every client's region its own choice. */
static void need_client_address(const struct config_origin *o, const char *what, struct diag *d)
{
    diag_error(
        d, config_at(o),
        "%s needs server.client_address in the file, since its default (google-lb) believes "
        "a header that clients can write; write \"client_address: peer\" if clients or a "
        "PROXY protocol sender connect directly, else google-lb, trusted-proxies or x-real-ip",
        what);
}

static void check_client_address(const struct config *c, struct diag *d)
{
    size_t i = 0;
    if (c->origins[schema_find("server.client_address")].source != CONFIG_DEFAULT)
        return;
    while (i < c->server.n_listen && c->server.listen[i].n_certificates == 0)
        i++;
    if (i < c->server.n_listen)
        need_client_address(&c->server.listen[i].origin, "server.listen: tls", d);
    if (c->rate_limit.rate > 0)
        need_client_address(&c->origins[schema_find("rate_limit.rate")], "rate_limit.rate", d);
}

static void check_proxies(const struct config *c, struct diag *d)
{
    const struct config_server *s = &c->server;
    if (s->client_address == CLIENT_TRUSTED_PROXIES && s->trusted_proxies.n == 0)
        diag_error(d, config_setting_at(c, "server.client_address"),
                   "server.client_address: trusted-proxies needs server.trusted_proxies; list "
                   "your proxies' prefixes there, as in [10.0.0.0/8]");
    if (s->client_address != CLIENT_TRUSTED_PROXIES && s->trusted_proxies.n > 0)
        diag_warning(d, config_setting_at(c, "server.trusted_proxies"),
                     "server.trusted_proxies has no effect without client_address: "
                     "trusted-proxies");
}

void check_config(const struct config *c, struct diag *d)
{
    check_client_address(c, d);
    check_proxies(c, d);
    own_check(c, d);
    check_stores(c, d);
    routes_check(c, d);
}

/* ── Advice ── */

static bool stays_at_upstream(const struct config_upstream *u, const struct config_place *p)
{
    for (size_t i = 0; i < u->n_blobs_for; i++)
        if (strcmp(u->blobs_for[i].cloud, p->cloud) == 0 &&
            (u->blobs_for[i].region[0] == '\0' || strcmp(u->blobs_for[i].region, p->region) == 0))
            return true;
    return false;
}

static bool is_encrypted(const char *url)
{
    return strncmp(url, "http://", 7) != 0;
}

static void advise_store(const struct config *c, const struct config_store *s, struct diag *d)
{
    size_t useless = 0;
    for (size_t i = 0; i < s->n_serves; i++)
        useless += stays_at_upstream(&c->upstream, &s->serves[i]);
    if (s->n_serves > 0 && useless == s->n_serves && !is_named_by_a_route(c, s))
        diag_warning(d, config_at(&s->origin),
                     "store %s can never be chosen: upstream.blobs_for keeps the blobs of all "
                     "whom it serves at the upstream",
                     s->name);
    if (!is_encrypted(s->url))
        diag_warning(d, config_at(&s->origin), "store %s: %s is not encrypted; use https", s->name,
                     s->url);
}

static bool has_default_store(const struct config *c)
{
    for (size_t i = 0; i < c->n_stores; i++)
        for (size_t j = 0; j < c->stores[i].n_serves; j++)
            if (c->stores[i].serves[j].cloud[0] == '\0')
                return true;
    return false;
}

/* The field without which the status says nothing to clients (RFC 9110 sections 15.5.2, 15.5.8,
 * 15.5.22), or NULL. That of 405 is there. */
static const char *missing_field(unsigned status)
{
    switch (status) {
    case 401:
        return "WWW-Authenticate";
    case 407:
        return "Proxy-Authenticate";
    case 426:
        return "Upgrade";
    default:
        return NULL;
    }
}

/* "/release/" is that path alone, though elsewhere it mostly stands for what is below it. */
static void advise_paths(const struct config_texts *paths, struct diag *d)
{
    for (size_t i = 0; i < paths->n; i++) {
        struct str path = str_from(paths->text[i]);
        if (path.len > 1 && path.data[path.len - 1] == '/' && !str_eq(path, STR("/v2/")) &&
            str_find(path, '*') == path.len)
            diag_warning(d, config_at(&paths->origin[i]),
                         "routes: path: %s is that path alone; what is below it is %s**",
                         paths->text[i], paths->text[i]);
    }
}

static void advise_target(const struct config_target *t, struct diag *d)
{
    const char *field = missing_field(t->status);
    if (t->body != NULL && field != NULL)
        diag_warning(d, config_at(&t->origin),
                     "routes: to: clients look for the field %s beside status %u, and no route "
                     "gives it; take another status",
                     field, t->status);
    if (t->url != NULL && !is_encrypted(t->url))
        diag_warning(d, config_at(&t->origin), "routes: to: %s is not encrypted; use https",
                     t->url);
}

/* Does a route answer every request, or send it to a URL? Then nobody is left for the stores. */
static bool routes_answer_all(const struct config *c)
{
    static const struct config_when everything = {.share = WHEN_SHARE_ALL};
    size_t effort = COVER_EFFORT;
    for (size_t i = 0; i < c->n_routes; i++)
        if (c->routes[i].to[0].name == NULL &&
            cover_when(c, &c->routes[i].when, &everything, &effort))
            return true;
    return false;
}

static void advise_stores(const struct config *c, struct diag *d)
{
    const bool matters = !routes_answer_all(c);
    if (matters && c->n_stores == 0)
        diag_warning(d, config_setting_at(c, "stores"),
                     "no stores: every blob comes from the upstream");
    else if (matters && !has_default_store(c))
        diag_warning(d, config_setting_at(c, "stores"),
                     "no store serves default: clients of unknown networks get blobs from the "
                     "upstream");
    for (size_t i = 0; i < c->n_stores; i++)
        advise_store(c, &c->stores[i], d);
}

static void advise_routes(const struct config *c, struct diag *d)
{
    for (size_t i = 0; i < c->n_upstreams; i++)
        if (!is_encrypted(c->upstreams[i].endpoint))
            diag_warning(d, config_at(&c->upstreams[i].origin),
                         "upstreams: %s: %s is not encrypted; use https", c->upstreams[i].name,
                         c->upstreams[i].endpoint);
    for (size_t i = 0; i < c->n_routes; i++) {
        advise_paths(&c->routes[i].when.paths, d);
        for (size_t j = 0; j < c->routes[i].n_to; j++)
            advise_target(&c->routes[i].to[j], d);
    }
    if (c->n_routes == 0 && c->n_upstreams > 0)
        diag_warning(d, config_setting_at(c, "upstreams"),
                     "upstreams has no effect without routes, which may name them");
    if (c->n_routes == 0 && c->n_providers > 0)
        diag_warning(d, config_setting_at(c, "providers"),
                     "providers has no effect without routes, which may name them");
}

void check_advise(const struct config *c, struct diag *d)
{
    if (!is_encrypted(c->upstream.endpoint))
        diag_warning(d, config_setting_at(c, "upstream.endpoint"),
                     "upstream.endpoint: %s is not encrypted; use https", c->upstream.endpoint);
    advise_stores(c, d);
    advise_routes(c, d);
    if (c->server.max_connections_per_client > 0 && c->server.client_address != CLIENT_PEER)
        diag_warning(d, config_setting_at(c, "server.max_connections_per_client"),
                     "server.max_connections_per_client counts the connections of a proxy, too: "
                     "all its clients share them");
    if (c->existence.wait > WAIT_ADVISED)
        diag_warning(d, config_setting_at(c, "existence.wait"),
                     "existence.wait: clients wait longer than 10s when a store is slow");
    if (c->existence.wait == 0)
        diag_warning(d, config_setting_at(c, "existence.wait"),
                     "existence.wait: nobody waits for a store, so the first pull of a blob goes "
                     "to the upstream");
}
