#include "server/listen.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static_assert((int)CONFIG_PROTOCOL_HTTP1 == (int)TLS_HTTP1 &&
                  (int)CONFIG_PROTOCOL_H2 == (int)TLS_H2,
              "the configuration's bits are TLS's");

#define WEEK (7 * 24 * 3600)

static void warn_of_times(const struct config_listen *l, const struct tls_context *tls,
                          struct diag *d)
{
    int64_t now = (int64_t)time(NULL);
    for (size_t i = 0; i < l->n_certificates; i++) {
        const struct tls_certificate *c = tls_context_certificate(tls, i);
        struct diag_at at = config_at(&l->certificate[i].certificate_origin);
        if (c->until < now)
            diag_warning(d, at, "the certificate in \"%s\" has expired; clients will refuse it",
                         c->file);
        else if (c->until - now < WEEK)
            diag_warning(d, at, "the certificate in \"%s\" expires in %d hours", c->file,
                         (int)((c->until - now) / 3600));
        else if (c->from > now)
            diag_warning(d, at,
                         "the certificate in \"%s\" is not valid yet; until then clients will "
                         "refuse it (is the clock right?)",
                         c->file);
    }
}

static bool make_tls(struct listen_rule *rule, const struct config_listen *l,
                     struct tls_tickets *tickets, struct diag *d)
{
    struct tls_problem problem;
    struct tls_files *files = calloc(l->n_certificates, sizeof(*files));
    if (files == NULL) {
        diag_error(d, config_at(&l->origin), "out of memory");
        return false;
    }
    for (size_t i = 0; i < l->n_certificates; i++)
        files[i] = (struct tls_files){l->certificate[i].certificate, l->certificate[i].key};
    rule->tls = tls_context_new(
        &(struct tls_options){files, l->n_certificates, l->protocols, tickets}, &problem);
    free(files);
    if (rule->tls != NULL) {
        warn_of_times(l, rule->tls, d);
        return true;
    }
    const struct config_certificate *c = &l->certificate[problem.file];
    diag_error(d, config_at(problem.key ? &c->key_origin : &c->certificate_origin), "%s",
               problem.text);
    return false;
}

static bool make_rule(struct listen_rule *rule, const struct config_listen *l,
                      struct tls_tickets *tickets, struct diag *d)
{
    rule->protocols = l->protocols;
    rule->introduced = l->proxy_protocol.n > 0;
    if (!lookup_build_prefixes(&rule->proxies, &l->proxy_protocol)) {
        diag_error(d, config_at(&l->origin), "out of memory");
        return false;
    }
    return l->n_certificates == 0 || make_tls(rule, l, tickets, d);
}

struct listen_rules *listen_rules_new(const struct config_server *config,
                                      struct tls_tickets *tickets, struct diag *d)
{
    bool made = true;
    struct listen_rules *r = calloc(1, sizeof(*r) + (config->n_listen + 1) * sizeof(r->rule[0]));
    if (r == NULL) {
        diag_error(d, (struct diag_at){"", 0, 0}, "out of memory");
        return NULL;
    }
    r->references = 1;
    r->n = config->n_listen;
    r->rule[r->n].protocols = TLS_HTTP1 | TLS_H2;
    for (size_t i = 0; i < r->n; i++)
        made &= make_rule(&r->rule[i], &config->listen[i], tickets, d);
    if (made)
        return r;
    listen_rules_release(r);
    return NULL;
}

struct listen_rules *listen_rules_keep(struct listen_rules *r)
{
    r->references++;
    return r;
}

void listen_rules_release(struct listen_rules *r)
{
    if (r == NULL || --r->references > 0)
        return;
    for (size_t i = 0; i < r->n; i++) {
        tls_context_free(r->rule[i].tls);
        lookup_release(&r->rule[i].proxies);
    }
    free(r);
}
