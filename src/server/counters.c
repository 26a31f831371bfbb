#include "server/counters.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
    unsigned status;
    const char *name;
} errors[COUNTERS_ERRORS] = {
    [COUNTERS_400] = {400, "400"},    [COUNTERS_408] = {408, "408"}, [COUNTERS_414] = {414, "414"},
    [COUNTERS_429] = {429, "429"},    [COUNTERS_431] = {431, "431"}, [COUNTERS_505] = {505, "505"},
    [COUNTERS_NO_HTTP] = {0, "none"},
};

const char *counters_error_name(enum counters_error error)
{
    return errors[error].name;
}

enum counters_error counters_error_of(unsigned status)
{
    for (unsigned i = 0; i < COUNTERS_NO_HTTP; i++)
        if (errors[i].status == status)
            return (enum counters_error)i;
    return COUNTERS_400;
}

static size_t routing_size(const struct snapshot *s)
{
    return s->n_routes == 0 ? 0 : (size_t)COUNTERS_ROUTE_STATUSES + s->n_stores + s->n_routes;
}

size_t counters_answered_size(const struct snapshot *s)
{
    return ((size_t)COUNTERS_STEPS + s->n_stores + s->n_networks + routing_size(s) + 7) / 8 * 8;
}

struct counters_answered counters_answered_at(uint64_t *numbers, const struct snapshot *s)
{
    struct counters_answered c = {.step = numbers};
    c.store = c.step + COUNTERS_STEPS;
    c.network = c.store + s->n_stores;
    if (s->n_routes == 0)
        return c;
    c.status = c.network + s->n_networks;
    c.route_store = c.status + COUNTERS_ROUTE_STATUSES;
    c.route = c.route_store + s->n_stores;
    return c;
}

static const uint16_t route_status[] = {200, 301, 302, 307, 308, 503};
#define ROUTE_STATUSES (sizeof(route_status) / sizeof(route_status[0]))
static_assert(COUNTERS_ROUTE_STATUSES == ROUTE_STATUSES + 100, "and those from 400 to 499");

unsigned counters_route_status(unsigned row)
{
    return row < ROUTE_STATUSES ? route_status[row] : 400 + row - (unsigned)ROUTE_STATUSES;
}

static unsigned row_of_status(unsigned status)
{
    unsigned row = 0;
    if (status >= 400 && status <= 499)
        return (unsigned)ROUTE_STATUSES + status - 400;
    while (row < ROUTE_STATUSES - 1 && route_status[row] != status)
        row++;
    return row;
}

void counters_routed(const struct counters_answered *c, const struct decide_answer *answer)
{
    counters_add(&c->route[answer->route], 1);
    if (answer->step != DECIDE_ROUTE) /* its targets have come to nothing */
        return;
    if (answer->store != DECIDE_NO_STORE)
        counters_add(&c->route_store[answer->store], 1);
    else
        counters_add(&c->status[row_of_status(answer->status)], 1);
}

unsigned counters_step_status(unsigned row)
{
    static const uint16_t status[COUNTERS_STEPS] = {
        [DECIDE_R1] = 405,  [DECIDE_R2] = 307,
        [DECIDE_R3] = 307,  [DECIDE_R4] = 404,
        [DECIDE_R5] = 200,  [DECIDE_R6] = 404,
        [DECIDE_R7] = 400,  [DECIDE_R8] = 307,
        [DECIDE_R9] = 307,  [DECIDE_R10] = 400,
        [DECIDE_R11] = 307, [DECIDE_R12] = 307,
        [DECIDE_R13] = 307, [COUNTERS_R10_UPSTREAM] = 307,
    };
    return status[row];
}

enum decide_step counters_step(unsigned row)
{
    return row == COUNTERS_R10_UPSTREAM ? DECIDE_R10 : (enum decide_step)row;
}

static char *copy(struct str s)
{
    return s.len > 0 ? strndup(s.data, s.len) : strdup("");
}

/* False: no memory. Adding nothing makes no row. */
static bool add_named(struct counters_named *to, struct str name, struct str part, uint64_t n)
{
    if (n == 0)
        return true;
    for (size_t i = 0; i < to->n; i++) {
        size_t at = (to->next + i) % to->n;
        struct counters_name *row = &to->row[at];
        if (str_eq(str_from(row->name), name) && str_eq(str_from(row->part), part)) {
            row->n += n;
            to->next = at + 1;
            return true;
        }
    }
    struct counters_name *grown = realloc(to->row, (to->n + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    to->row = grown;
    struct counters_name row = {copy(name), copy(part), n};
    if (row.name == NULL || row.part == NULL) {
        free(row.name);
        free(row.part);
        return false;
    }
    to->row[to->n++] = row;
    return true;
}

static bool add_routed(struct counters_total *total, const struct counters_answered *c,
                       const struct snapshot *s)
{
    bool ok = true;
    if (s->n_routes == 0)
        return true;
    for (unsigned i = 0; i < COUNTERS_ROUTE_STATUSES; i++)
        total->status[i] += counters_get(&c->status[i]);
    for (uint32_t i = 0; i < s->n_stores; i++)
        ok &= add_named(&total->route_stores, snapshot_store(s, i).name, STR(""),
                        counters_get(&c->route_store[i]));
    for (uint32_t i = 0; i < s->n_routes; i++)
        ok &= add_named(&total->routes, snapshot_route(s, i).name, STR(""),
                        counters_get(&c->route[i]));
    return ok;
}

bool counters_total_add(struct counters_total *total, const struct counters_answered *c,
                        const struct snapshot *s)
{
    bool ok = true;
    for (unsigned i = 0; i < COUNTERS_STEPS; i++)
        total->step[i] += counters_get(&c->step[i]);
    for (uint32_t i = 0; i < s->n_stores; i++)
        ok &= add_named(&total->stores, snapshot_store(s, i).name, STR(""),
                        counters_get(&c->store[i]));
    for (uint32_t i = 0; i < s->n_networks; i++) {
        struct snapshot_network network = snapshot_network(s, i);
        ok &= add_named(&total->networks, network.cloud, network.region,
                        counters_get(&c->network[i]));
    }
    return add_routed(total, c, s) && ok;
}

static bool merge_named(struct counters_named *to, const struct counters_named *from)
{
    bool ok = true;
    for (size_t i = 0; i < from->n; i++)
        ok &=
            add_named(to, str_from(from->row[i].name), str_from(from->row[i].part), from->row[i].n);
    return ok;
}

bool counters_total_merge(struct counters_total *total, const struct counters_total *other)
{
    for (unsigned i = 0; i < COUNTERS_STEPS; i++)
        total->step[i] += other->step[i];
    for (unsigned i = 0; i < COUNTERS_ROUTE_STATUSES; i++)
        total->status[i] += other->status[i];
    bool ok = merge_named(&total->stores, &other->stores);
    ok &= merge_named(&total->networks, &other->networks);
    ok &= merge_named(&total->route_stores, &other->route_stores);
    return merge_named(&total->routes, &other->routes) && ok;
}

/* *next: where to begin, which the search leaves behind what it finds: both sides are in the order
 * of the configuration, as a rule. */
static bool has_route(const struct snapshot *s, struct str name, uint32_t *next)
{
    for (uint32_t i = 0; i < s->n_routes; i++) {
        uint32_t at = (*next + i) % s->n_routes;
        if (!str_eq(snapshot_route(s, at).name, name))
            continue;
        *next = at + 1;
        return true;
    }
    return false;
}

void counters_total_forget_routes(struct counters_total *total, const struct snapshot *s)
{
    struct counters_named *routes = &total->routes;
    uint64_t gone = 0;
    uint32_t next = 0;
    size_t kept = 0;
    for (size_t i = 0; i < routes->n; i++) {
        struct counters_name row = routes->row[i];
        if (has_route(s, str_from(row.name), &next)) {
            routes->row[kept++] = row;
            continue;
        }
        gone += row.n;
        free(row.name);
        free(row.part);
    }
    routes->n = kept;
    routes->next = 0;
    add_named(routes, STR(""), STR(""), gone);
}

static void clear(struct counters_named *named)
{
    for (size_t i = 0; i < named->n; i++) {
        free(named->row[i].name);
        free(named->row[i].part);
    }
    free(named->row);
    *named = (struct counters_named){0};
}

void counters_total_clear(struct counters_total *total)
{
    clear(&total->stores);
    clear(&total->networks);
    clear(&total->route_stores);
    clear(&total->routes);
    *total = (struct counters_total){0};
}
