#include "config/check.h"

#include "config/own.h"
#include "config/routes_check.h"
#include "config/schema.h"
#include "sys/clock.h"
#include <string.h>

#define WAIT_ADVISED (10 * CLOCK_S)

static bool is_known_cloud(const char *cloud)
{
    return cloud[0] == '\0' || strcmp(cloud, "aws") == 0 || strcmp(cloud, "gcp") == 0 ||
           strcmp(cloud, "azure") == 0;
}

static void check_clouds(const struct config_place *places, size_t n, struct diag *d)
{
    static const char *const known[] = {"aws", "gcp", "azure", "default"};
    for (size_t i = 0; i < n; i++) {
        if (is_known_cloud(places[i].cloud))
            continue;
        const char *nearest = diag_nearest(places[i].cloud, known, 4);
        diag_warning(d, config_at(&places[i].origin),
                     "no published ranges bring the cloud \"%s\"; %s%s%s", places[i].cloud,
                     nearest != NULL ? "did you mean \"" : "a file of your own (*.txt) must",
                     nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    }
}

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
    check_clouds(c->upstream.blobs_for, c->upstream.n_blobs_for, d);
    for (size_t i = 0; i < c->n_stores; i++)
        check_clouds(c->stores[i].serves, c->stores[i].n_serves, d);
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

static void advise_store(const struct config *c, const struct config_store *s, struct diag *d)
{
    size_t useless = 0;
    for (size_t i = 0; i < s->n_serves; i++)
        useless += stays_at_upstream(&c->upstream, &s->serves[i]);
    if (s->n_serves > 0 && useless == s->n_serves)
        diag_warning(d, config_at(&s->origin),
                     "store %s can never be chosen: upstream.blobs_for keeps the blobs of all "
                     "whom it serves at the upstream",
                     s->name);
    if (strncmp(s->url, "http://", 7) == 0)
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

void check_advise(const struct config *c, struct diag *d)
{
    if (strncmp(c->upstream.endpoint, "http://", 7) == 0)
        diag_warning(d, config_setting_at(c, "upstream.endpoint"),
                     "upstream.endpoint: %s is not encrypted; use https", c->upstream.endpoint);
    if (c->n_stores == 0)
        diag_warning(d, config_setting_at(c, "stores"),
                     "no stores: every blob comes from the upstream");
    else if (!has_default_store(c))
        diag_warning(d, config_setting_at(c, "stores"),
                     "no store serves default: clients of unknown networks get blobs from the "
                     "upstream");
    for (size_t i = 0; i < c->n_stores; i++)
        advise_store(c, &c->stores[i], d);
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
