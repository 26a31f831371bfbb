#include "ranges/routing.h"

#include "config/providers.h"
#include "config/stores.h"
#include "config/to.h"
#include "config/upstreams.h"
#include "config/when.h"
#include "ranges/asn.h"
#include "sys/xalloc.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

/* ── Memory ── */

struct routing_block {
    struct routing_block *next;
    alignas(max_align_t) char data[];
};

static void *take(struct routing *r, size_t n, size_t size)
{
    struct routing_block *block = xalloc_zero(sizeof(*block) + n * size, 1);
    block->next = r->block;
    r->block = block;
    return block->data;
}

void routing_release(struct routing *r)
{
    while (r->block != NULL) {
        struct routing_block *next = r->block->next;
        free(r->block);
        r->block = next;
    }
    *r = (struct routing){.block = NULL};
}

/* ── Lists ── */

static struct policy_texts texts_of(struct routing *r, const struct config_texts *from)
{
    struct str *text = take(r, from->n, sizeof(*text));
    for (size_t i = 0; i < from->n; i++)
        text[i] = str_from(from->text[i]);
    return (struct policy_texts){text, from->n};
}

static void take_upstreams(struct routing *r, const struct config *c)
{
    r->n_upstreams = c->n_upstreams + 1;
    r->upstreams = take(r, r->n_upstreams, sizeof(*r->upstreams));
    r->upstreams[0] = (struct policy_upstream){
        .name = STR(UPSTREAMS_OWN),
        .endpoint = str_from(c->upstream.endpoint),
        .path = str_from(c->upstream.path),
    };
    for (size_t i = 0; i < c->n_upstreams; i++)
        r->upstreams[i + 1] = (struct policy_upstream){
            .name = str_from(c->upstreams[i].name),
            .endpoint = str_from(c->upstreams[i].endpoint),
            .path = str_from(c->upstreams[i].path),
        };
}

static void take_providers(struct routing *r, const struct config *c)
{
    r->n_providers = c->n_providers;
    r->providers = take(r, c->n_providers, sizeof(*r->providers));
    for (size_t i = 0; i < c->n_providers; i++) {
        const struct config_provider *p = &c->providers[i];
        struct policy_texts clouds = texts_of(r, &p->clouds);
        r->providers[i] = (struct policy_provider){
            .clouds = clouds.text,
            .n_clouds = clouds.n,
            .asns = p->asns.number,
            .n_asns = p->asns.n,
        };
    }
}

/* ── Routes ── */

static void take_provider_names(struct routing *r, const struct config *c,
                                const struct config_texts *names, struct policy_route *out)
{
    uint32_t *index = take(r, names->n, sizeof(*index));
    out->providers = index;
    out->n_providers = names->n;
    for (size_t i = 0; i < names->n; i++) {
        const struct config_provider *provider = providers_find(c, names->text[i]);
        assert(provider != NULL);
        index[i] = (uint32_t)(provider - c->providers);
    }
}

static void take_fields(struct routing *r, const struct config_when *w, struct policy_route *out)
{
    struct policy_field *field = take(r, w->n_fields, sizeof(*field));
    out->fields = field;
    out->n_fields = w->n_fields;
    for (size_t i = 0; i < w->n_fields; i++) {
        const struct config_texts *texts = &w->fields[i].values;
        struct policy_value *value = take(r, texts->n, sizeof(*value));
        for (size_t j = 0; j < texts->n; j++) {
            value[j].text = str_from(texts->text[j]);
            value[j].longer = str_ends(value[j].text, STR("*"));
            value[j].text.len -= value[j].longer;
        }
        field[i] = (struct policy_field){str_from(w->fields[i].name), value, texts->n};
    }
}

static struct policy_target target_of(const struct routing *r, const struct config *c,
                                      const struct config_target *t)
{
    struct policy_target out = {.status = (uint16_t)t->status, .text = STR("")};
    const struct config_store *store = t->name != NULL ? stores_find(c, t->name) : NULL;
    if (t->url != NULL) {
        out.kind = SNAPSHOT_TARGET_URL;
        out.text = str_from(t->url);
    } else if (t->name == NULL) {
        out.kind = SNAPSHOT_TARGET_ANSWER;
        out.text = str_from(t->body);
    } else if (strcmp(t->name, TO_STORES) == 0) {
        out.kind = SNAPSHOT_TARGET_STORES;
    } else if (store != NULL) {
        out.kind = SNAPSHOT_TARGET_STORE;
        out.index = (uint32_t)(store - c->stores);
    } else {
        out.kind = SNAPSHOT_TARGET_UPSTREAM;
        out.index = 0;
        while (out.index < r->n_upstreams &&
               !str_eq(r->upstreams[out.index].name, str_from(t->name)))
            out.index++;
        assert(out.index < r->n_upstreams);
    }
    return out;
}

static struct policy_route route_of(struct routing *r, const struct config *c,
                                    const struct config_route *route)
{
    const struct config_when *w = &route->when;
    struct policy_target *target = take(r, route->n_to, sizeof(*target));
    struct policy_route out = {
        .name = str_from(route->name),
        .clouds = texts_of(r, &w->clouds),
        .regions = texts_of(r, &w->regions),
        .asns = w->asns.number,
        .n_asns = w->asns.n,
        .prefixes = w->networks.prefix,
        .n_prefixes = w->networks.n,
        .hosts = texts_of(r, &w->hosts),
        .paths = texts_of(r, &w->paths),
        .repositories = texts_of(r, &w->repositories),
        .kinds = w->kinds,
        .methods = w->methods,
        .share = POLICY_ALL * w->share / WHEN_SHARE_ALL,
        .strips = route->strip != NULL,
        .strip = str_from(route->strip != NULL ? route->strip : ""),
        .targets = target,
        .n_targets = route->n_to,
    };
    take_provider_names(r, c, &w->providers, &out);
    take_fields(r, w, &out);
    for (size_t i = 0; i < route->n_to; i++)
        target[i] = target_of(r, c, &route->to[i]);
    return out;
}

/* ── What the ranges are to tell apart ── */

static void add_asns(struct routing *r, const uint32_t *asns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r->asns[r->n_asns++] = asns[i];
}

static void list_asns(struct routing *r)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < r->n_routes; i++)
        n += r->routes[i].n_asns;
    for (size_t i = 0; i < r->n_providers; i++)
        n += r->providers[i].n_asns;
    r->asns = take(r, n, sizeof(*r->asns));
    for (size_t i = 0; i < r->n_routes; i++)
        add_asns(r, r->routes[i].asns, r->routes[i].n_asns);
    for (size_t i = 0; i < r->n_providers; i++)
        add_asns(r, r->providers[i].asns, r->providers[i].n_asns);
    qsort(r->asns, n, sizeof(*r->asns), asn_compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || r->asns[kept - 1] != r->asns[i])
            r->asns[kept++] = r->asns[i];
    r->n_asns = kept;
}

static void list_inside(struct routing *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_routes; i++)
        n += r->routes[i].n_prefixes;
    r->inside = take(r, n, sizeof(*r->inside));
    for (size_t i = 0; i < r->n_routes; i++)
        for (size_t j = 0; j < r->routes[i].n_prefixes; j++)
            r->inside[r->n_inside++] = r->routes[i].prefixes[j];
}

void routing_make(const struct config *c, struct routing *out)
{
    *out = (struct routing){.block = NULL};
    if (c->n_routes == 0)
        return;
    take_upstreams(out, c);
    take_providers(out, c);
    out->n_routes = c->n_routes;
    out->routes = take(out, c->n_routes, sizeof(*out->routes));
    for (size_t i = 0; i < c->n_routes; i++)
        out->routes[i] = route_of(out, c, &c->routes[i]);
    list_asns(out);
    list_inside(out);
}
