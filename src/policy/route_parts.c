#include "policy/route_parts.h"

static void write_route_text(struct layout *l, const struct policy_route *route)
{
    layout_text(l, route->name);
    for (size_t i = 0; i < route->n_targets; i++)
        layout_text(l, route->targets[i].text);
    for (size_t i = 0; i < route->paths.n; i++)
        layout_text(l, route->paths.text[i]);
    for (size_t i = 0; i < route->repositories.n; i++)
        layout_text(l, route->repositories.text[i]);
}

void route_parts_text(struct layout *l, const struct selector *r)
{
    const struct policy *p = r->policy;
    for (size_t i = 0; i < p->n_upstreams; i++) {
        layout_text(l, p->upstreams[i].name);
        layout_registry(l, p->upstreams[i].endpoint, p->upstreams[i].path);
    }
    for (size_t i = 0; i < p->n_routes; i++)
        write_route_text(l, &p->routes[i]);
    for (uint32_t i = 0; i < r->n_fields; i++)
        layout_text(l, r->field[i].name);
    for (uint32_t i = 0; i < r->n_literals; i++)
        layout_text(l, r->literal[i].text);
}

static void write_upstreams(struct layout *l, const struct policy *p, uint32_t *t)
{
    for (size_t i = 0; i < p->n_upstreams; i++) {
        const struct policy_upstream *u = &p->upstreams[i];
        struct image_upstream upstream = {.endpoint = (uint32_t)u->endpoint.len};
        upstream.name = layout_refer(t, u->name.len);
        upstream.registry = layout_refer(t, layout_registry_len(u->endpoint, u->path));
        layout_emit(l, &upstream, sizeof(upstream));
    }
}

/* Where the texts of a route begin, and its targets and patterns. */
struct route_at {
    uint32_t text;
    uint32_t target;
    uint32_t pattern;
};

static size_t route_text_len(const struct policy_route *route)
{
    struct layout counted = {NULL, 0};
    write_route_text(&counted, route);
    return counted.at;
}

static void next_route(struct route_at *at, const struct policy_route *route)
{
    at->text += (uint32_t)route_text_len(route);
    at->target += (uint32_t)route->n_targets;
    at->pattern += (uint32_t)(route->paths.n + route->repositories.n);
}

static void write_routes(struct layout *l, const struct policy *p, uint32_t text)
{
    struct route_at at = {.text = text};
    for (size_t i = 0; i < p->n_routes; i++) {
        const struct policy_route *route = &p->routes[i];
        struct image_route out = {
            .name = {at.text, (uint32_t)route->name.len},
            .targets = at.target,
            .n_targets = (uint32_t)route->n_targets,
            .paths = at.pattern,
            .n_paths = (uint32_t)route->paths.n,
            .repositories = at.pattern + (uint32_t)route->paths.n,
            .n_repositories = (uint32_t)route->repositories.n,
            .stripped = route->strips ? (uint32_t)route->strip.len : 0,
            .seed = selector_seed(route->name),
            .share = route->share,
        };
        layout_emit(l, &out, sizeof(out));
        next_route(&at, route);
    }
}

static void write_targets(struct layout *l, const struct policy *p, uint32_t text)
{
    struct route_at at = {.text = text};
    for (size_t i = 0; i < p->n_routes; next_route(&at, &p->routes[i++])) {
        uint32_t t = at.text + (uint32_t)p->routes[i].name.len;
        for (size_t j = 0; j < p->routes[i].n_targets; j++) {
            const struct policy_target *target = &p->routes[i].targets[j];
            struct image_target out = {
                .kind = target->kind, .index = target->index, .status = target->status};
            out.text = layout_refer(&t, target->text.len);
            layout_emit(l, &out, sizeof(out));
        }
    }
}

static void write_patterns(struct layout *l, const struct policy *p, uint32_t text)
{
    struct route_at at = {.text = text};
    for (size_t i = 0; i < p->n_routes; next_route(&at, &p->routes[i++])) {
        const struct policy_route *route = &p->routes[i];
        uint32_t t = at.text + (uint32_t)route->name.len;
        for (size_t j = 0; j < route->n_targets; j++)
            t += (uint32_t)route->targets[j].text.len;
        for (size_t j = 0; j < route->paths.n + route->repositories.n; j++) {
            struct str pattern = j < route->paths.n ? route->paths.text[j]
                                                    : route->repositories.text[j - route->paths.n];
            struct image_pattern out = {.replaced = selector_replaced(route, pattern)};
            out.text = layout_refer(&t, pattern.len);
            layout_emit(l, &out, sizeof(out));
        }
    }
}

static void write_fields(struct layout *l, const struct selector *r, uint32_t *t)
{
    for (uint32_t i = 0; i < r->n_fields; i++) {
        struct image_field field = {.column = r->field[i].column};
        field.name = layout_refer(t, r->field[i].name.len);
        layout_emit(l, &field, sizeof(field));
    }
}

static void write_literals(struct layout *l, const struct selector *r, uint32_t *t)
{
    for (uint32_t i = 0; i < r->n_literals; i++) {
        const struct selector_literal *in = &r->literal[i];
        struct image_literal literal = {
            .parent = in->parent, .equal = in->equal, .longer = in->longer, .key = in->key};
        literal.text = layout_refer(t, in->text.len);
        layout_emit(l, &literal, sizeof(literal));
    }
}

void route_parts_write(struct layout *l, struct image_header *h, const struct selector *r,
                       uint32_t *t)
{
    const struct policy *p = r->policy;
    struct route_at end = {0};
    for (size_t i = 0; i < p->n_routes; i++)
        next_route(&end, &p->routes[i]);
    layout_begin(l, h, IMAGE_UPSTREAMS, p->n_upstreams);
    write_upstreams(l, p, t);
    layout_begin(l, h, IMAGE_ROUTES, p->n_routes);
    write_routes(l, p, *t);
    layout_begin(l, h, IMAGE_TARGETS, end.target);
    write_targets(l, p, *t);
    layout_begin(l, h, IMAGE_PATTERNS, end.pattern);
    write_patterns(l, p, *t);
    *t += end.text;
    layout_begin(l, h, IMAGE_FIELDS, r->n_fields);
    write_fields(l, r, t);
    layout_begin(l, h, IMAGE_LITERALS, r->n_literals);
    write_literals(l, r, t);
    layout_begin(l, h, IMAGE_ROWS, (size_t)r->n_rows * r->words);
    layout_emit(l, r->row, (size_t)r->n_rows * r->words * sizeof(*r->row));
    h->host = r->host;
    h->path = r->path;
    h->repository = r->repository;
    memcpy(h->method_row, r->method_row, sizeof(h->method_row));
    memcpy(h->kind_row, r->kind_row, sizeof(h->kind_row));
}
