#include "cli/trace.h"

#include "policy/column.h"
#include "sys/xalloc.h"
#include <stdlib.h>

static struct decide_request request_of(const struct trace *t, char *buffer)
{
    return (struct decide_request){
        .method = t->method,
        .target = t->target,
        .host = t->host,
        .headers = t->headers,
        .buffer = buffer,
        .size = DECIDE_BUFFER_SIZE(t->snapshot, t->target.len),
    };
}

/* Begins the decision in a buffer and answers the first `absent` questions with "absent". */
static enum decide_next replay(const struct trace *t, char *buffer, size_t absent,
                               struct decision *d)
{
    const struct decide_request request = request_of(t, buffer);
    enum decide_next next = decide_begin(t->snapshot, &request, &t->client, d);
    while (next == DECIDE_ASK && absent-- > 0)
        next = decide_resume(d, DECIDE_ABSENT);
    return next;
}

/* A buffer for the decision itself, one for the case that nobody has the blob, and one for every
 * candidate, whose Locations the trace keeps. */
static char *buffer(const struct trace *t, size_t i)
{
    return t->memory + i * DECIDE_BUFFER_SIZE(t->snapshot, t->target.len);
}

static void count_candidates(struct trace *t)
{
    struct decision d;
    char *memory = xalloc_zero(1, DECIDE_BUFFER_SIZE(t->snapshot, t->target.len));
    for (enum decide_next next = replay(t, memory, 0, &d); next == DECIDE_ASK; t->n_candidates++)
        next = decide_resume(&d, DECIDE_ABSENT);
    free(memory);
}

static void list_candidates(struct trace *t)
{
    struct decision d;
    size_t n = 0;
    for (enum decide_next next = replay(t, buffer(t, 1), 0, &d); next == DECIDE_ASK; n++) {
        struct snapshot_store store = snapshot_store(t->snapshot, d.ask_store);
        t->candidates[n].store = store.name;
        t->candidates[n].indexed = store.indexed && d.digest.size > 0;
        next = decide_resume(&d, DECIDE_ABSENT);
    }
    t->if_nowhere = d.answer;
    for (size_t i = 0; i < n; i++) {
        replay(t, buffer(t, 2 + i), i, &d);
        decide_resume(&d, DECIDE_PRESENT);
        t->candidates[i].location = d.answer.location;
    }
}

/* The field for whose value a route is not taken. */
static uint32_t failed_field(const struct trace *t, uint32_t route)
{
    const struct snapshot *s = t->snapshot;
    uint32_t i = 0;
    while (i + 1 < s->n_headers &&
           (column_row(s, &s->fields[i].column, t->headers[i])[route / 64] >> route % 64 & 1) != 0)
        i++;
    return i;
}

static void try_routes(struct trace *t)
{
    const uint32_t n = t->snapshot->n_routes;
    const struct decide_request request = request_of(t, NULL);
    struct target target;
    t->path = xalloc_zero(t->target.len + 1, 1);
    t->tried = xalloc_zero(n + 1, sizeof(*t->tried));
    target_normalise(t->target, t->path, &target);
    t->routable = n > 0 && t->method != DECIDE_OTHER &&
                  route_facts_make(&t->facts, &request, &target, &t->client);
    t->facts.network = snapshot_locate(t->snapshot, &t->client);
    for (uint32_t i = 0; t->routable && i < n; i++) {
        t->tried[i].failed = route_test(t->snapshot, &t->facts, i);
        if (t->tried[i].failed == ROUTE_HEADER)
            t->tried[i].field = failed_field(t, i);
    }
}

void trace_make(struct trace *t, trace_asker *ask, void *context)
{
    uint32_t network = lpm_match(&t->snapshot->table, &t->client, &t->prefix);
    t->located = network != LPM_NONE;
    t->network = snapshot_network(t->snapshot, snapshot_locate(t->snapshot, &t->client));
    count_candidates(t);
    t->candidates = xalloc_zero(t->n_candidates + 1, sizeof(*t->candidates));
    t->memory = xalloc_zero(t->n_candidates + 2, DECIDE_BUFFER_SIZE(t->snapshot, t->target.len));
    list_candidates(t);
    try_routes(t);

    struct decision d;
    struct trace_candidate *c = t->candidates;
    for (enum decide_next next = replay(t, buffer(t, 0), 0, &d); next == DECIDE_ASK; c++) {
        c->asked = true;
        c->existence = ask(context, c);
        next = decide_resume(&d, c->existence);
    }
    t->answer = d.answer;
}

void trace_release(struct trace *t)
{
    free(t->candidates);
    free(t->tried);
    free(t->memory);
    free(t->path);
    t->candidates = NULL;
    t->tried = NULL;
    t->memory = NULL;
    t->path = NULL;
}
