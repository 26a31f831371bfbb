#include "server/counters.h"

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

size_t counters_answered_size(const struct snapshot *s)
{
    return ((size_t)COUNTERS_STEPS + s->n_stores + s->n_networks + 7) / 8 * 8;
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

bool counters_named_add(struct counters_named *to, struct str name, struct str part, uint64_t n)
{
    if (n == 0)
        return true;
    for (size_t i = 0; i < to->n; i++) {
        struct counters_name *row = &to->row[i];
        if (str_eq(str_from(row->name), name) && str_eq(str_from(row->part), part)) {
            row->n += n;
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

bool counters_total_add(struct counters_total *total, const struct counters_answered *c,
                        const struct snapshot *s)
{
    bool ok = true;
    for (unsigned i = 0; i < COUNTERS_STEPS; i++)
        total->step[i] += counters_get(&c->step[i]);
    for (uint32_t i = 0; i < s->n_stores; i++)
        ok &= counters_named_add(&total->stores, snapshot_store(s, i).name, STR(""),
                                 counters_get(&c->store[i]));
    for (uint32_t i = 0; i < s->n_networks; i++) {
        struct snapshot_network network = snapshot_network(s, i);
        ok &= counters_named_add(&total->networks, network.cloud, network.region,
                                 counters_get(&c->network[i]));
    }
    return ok;
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
    *total = (struct counters_total){0};
}
