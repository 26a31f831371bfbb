#include "cli/explanation.h"

#include "sys/xalloc.h"
#include <jansson.h>
#include <stdlib.h>

static const char *existence_name(enum decide_existence e)
{
    static const char *const name[] = {
        [DECIDE_PRESENT] = "present", [DECIDE_ABSENT] = "absent", [DECIDE_UNKNOWN] = "unknown"};
    return name[e];
}

/* The entry of `serves` or `blobs_for` that counts for the network, as it is written in the
 * configuration (free() it); "" if there is none. */
static char *match_text(const struct snapshot_network *n)
{
    int cloud = (int)n->cloud.len, region = (int)n->region.len;
    if (n->match == SNAPSHOT_MATCH_REGION)
        return xalloc_format("%.*s/%.*s", cloud, n->cloud.data, region, n->region.data);
    if (n->match == SNAPSHOT_MATCH_CLOUD)
        return xalloc_copy(n->cloud.data, n->cloud.len);
    return xalloc_text(n->match == SNAPSHOT_MATCH_DEFAULT ? "default" : "");
}

/* Why a route is not taken, in the words of the configuration. */
static const char *condition_text(enum route_condition condition)
{
    static const char *const text[] = {
        [ROUTE_TAKEN] = "",
        [ROUTE_CLIENT] = "client (cloud, region, provider, asn, network)",
        [ROUTE_METHOD] = "method",
        [ROUTE_KIND] = "kind",
        [ROUTE_HOST] = "host",
        [ROUTE_PATH] = "path",
        [ROUTE_REPOSITORY] = "repository",
        [ROUTE_HEADER] = "header",
        [ROUTE_SHARE] = "share",
    };
    return text[condition];
}

/* How many routes were looked at: up to the one that is taken. */
static uint32_t n_tried(const struct trace *t)
{
    if (!t->routable)
        return 0;
    return t->answer.route != DECIDE_NO_ROUTE ? t->answer.route + 1 : t->snapshot->n_routes;
}

/* ── For people ── */

/* Bytes that a terminal would take for something else do not come back. */
static void put(struct str s, FILE *to)
{
    for (size_t i = 0; i < s.len; i++)
        fputc(s.data[i] >= ' ' && s.data[i] < 0x7f ? s.data[i] : '?', to);
}

static void print_client(const struct trace *t, FILE *to)
{
    char address[ADDR_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
    fputs("client    ", to);
    put(str_make(address, addr_format(&t->client, address)), to);
    if (!t->located) {
        fputs(", of no known network: no prefix holds it\n", to);
        return;
    }
    fputs(", of ", to);
    if (t->network.asn != 0)
        fprintf(to, "AS%u and ", (unsigned)t->network.asn);
    put(t->network.cloud.len > 0 ? t->network.cloud : STR("no known cloud"), to);
    if (t->network.region.len > 0)
        fputc('/', to);
    put(t->network.region, to);
    fputs(", by the prefix ", to);
    put(str_make(prefix, prefix_format(&t->prefix, prefix)), to);
    fputc('\n', to);
}

static void print_match(const struct trace *t, FILE *to)
{
    char *match = match_text(&t->network);
    fputs("match     ", to);
    put(str_from(match), to);
    fputs(match[0] != '\0' ? ": " : "", to);
    free(match);
    fputs("blobs from ", to);
    if (!t->network.blobs_from_upstream)
        for (uint32_t i = 0; i < t->network.n_stores; i++) {
            put(snapshot_store(t->snapshot, t->network.stores[i]).name, to);
            fputs(", else ", to);
        }
    fputs("the upstream\n", to);
}

static void print_candidate(const struct explanation *e, size_t i, FILE *to)
{
    const struct trace *t = e->trace;
    const struct trace_candidate *c = &t->candidates[i];
    bool last = i + 1 == t->n_candidates;
    fputs("            ", to);
    put(c->store, to);
    fputs("\n              ", to);
    put(c->location, to);
    if (c->indexed)
        fputs("\n              serve looks into its index first, and asks for what is not in it",
              to);
    fputs("\n              if present: 307 to it; if absent or unknown: ", to);
    if (last)
        fputs(decide_step_name(t->if_nowhere.step), to);
    else
        put(t->candidates[i + 1].store, to);
    fprintf(to, "\n              %s: %s", e->existence,
            c->asked ? existence_name(c->existence) : "not asked");
    fprintf(to, c->detail[0] != '\0' ? ", %s\n" : "%s\n", c->detail);
}

/* Between R1 and R2. */
static void print_routes(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    for (uint32_t i = 0; i < n_tried(t); i++) {
        bool taken = i == t->answer.route;
        fprintf(to, "  %-4s %-4s route ", "", taken ? "yes" : "no");
        put(snapshot_route(t->snapshot, i).name, to);
        fprintf(to, taken ? "%s\n" : ": %s does not fit\n", condition_text(t->tried[i]));
    }
    for (size_t i = 0; t->answer.route != DECIDE_NO_ROUTE && i < t->n_candidates; i++)
        print_candidate(e, i, to);
}

static void print_step(const struct explanation *e, unsigned step, FILE *to)
{
    const struct trace *t = e->trace;
    fprintf(to, "  %-4s %-4s %s\n", decide_step_name(step), step == t->answer.step ? "yes" : "no",
            decide_step_text(step));
    for (size_t i = 0; step == DECIDE_R12 && i < t->n_candidates; i++)
        print_candidate(e, i, to);
}

static void print_steps(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    const unsigned last = t->answer.step;
    const bool routed = t->answer.route != DECIDE_NO_ROUTE;
    print_step(e, DECIDE_R1, to);
    if (last != DECIDE_R1)
        print_routes(e, to);
    for (unsigned step = DECIDE_R2; !routed && step <= last; step++)
        print_step(e, step, to);
    if (routed && last != DECIDE_ROUTE)
        print_step(e, last, to);
    if (t->answer.store != DECIDE_NO_STORE && t->if_nowhere.location.len > 0) {
        fprintf(to, "  %-9s if no store had it: %d to\n                 ",
                decide_step_name(t->if_nowhere.step), t->if_nowhere.status);
        put(t->if_nowhere.location, to);
        fputc('\n', to);
    }
}

void explanation_print(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    print_client(t, to);
    print_match(t, to);
    fprintf(to, "request   %s ", e->method);
    put(t->target, to);
    fputs("\n\n", to);
    print_steps(e, to);
    fprintf(to, "\nanswer    %d, step %s\n", t->answer.status, decide_step_name(t->answer.step));
    if (t->answer.location.len > 0) {
        fputs("location  ", to);
        put(t->answer.location, to);
        fputc('\n', to);
    }
    if (t->answer.body.len > 0)
        fprintf(to, "body      %.*s", (int)t->answer.body.len, t->answer.body.data);
}

/* ── For programs ── */

/* null for nothing. JSON is UTF-8; a path may hold any byte, which is then written as '?'. */
static json_t *text(struct str s)
{
    if (s.len == 0)
        return json_null();
    json_t *value = json_stringn(s.data, s.len);
    if (value != NULL)
        return value;
    char *copy = xalloc_copy(s.data, s.len);
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)copy[i] >= 0x7f)
            copy[i] = '?';
    value = json_stringn(copy, s.len);
    free(copy);
    return value;
}

static json_t *outcome(unsigned status, struct str location)
{
    return json_pack("{s:i, s:o}", "status", (int)status, "location", text(location));
}

/* What follows if candidate i does not have the blob: the next one, or step R13's answer. */
static json_t *otherwise(const struct trace *t, size_t i)
{
    if (i + 1 < t->n_candidates)
        return json_pack("{s:o}", "next", text(t->candidates[i + 1].store));
    return outcome(t->if_nowhere.status, t->if_nowhere.location);
}

static json_t *candidate(const struct trace *t, size_t i)
{
    const struct trace_candidate *c = &t->candidates[i];
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "store", text(c->store), "url",
                     text(c->location), "index", (int)c->indexed, "existence",
                     text(str_from(c->asked ? existence_name(c->existence) : "")), "detail",
                     text(str_from(c->detail)), "present", outcome(307, c->location), "absent",
                     otherwise(t, i), "unknown", otherwise(t, i));
}

static json_t *candidates(const struct trace *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n_candidates; i++)
        json_array_append_new(list, candidate(t, i));
    return list;
}

static json_t *step_object(const struct trace *t, unsigned step)
{
    json_t *item = json_pack("{s:s, s:s, s:b}", "step", decide_step_name(step), "if",
                             decide_step_text(step), "applies", step == t->answer.step);
    if (step == DECIDE_R12 || (step == DECIDE_ROUTE && t->n_candidates > 0))
        json_object_set_new(item, "candidates", candidates(t));
    return item;
}

static json_t *steps(const struct trace *t)
{
    json_t *list = json_array();
    const bool routed = t->answer.route != DECIDE_NO_ROUTE;
    json_array_append_new(list, step_object(t, DECIDE_R1));
    if (routed && t->answer.step != DECIDE_R1)
        json_array_append_new(list, step_object(t, t->answer.step));
    for (unsigned step = DECIDE_R2; !routed && step <= t->answer.step; step++)
        json_array_append_new(list, step_object(t, step));
    return list;
}

/* Those that were looked at, each with the first condition that failed. */
static json_t *routes(const struct trace *t)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n_tried(t); i++) {
        const char *why = condition_text(t->tried[i]);
        json_array_append_new(list, json_pack("{s:o, s:b, s:o}", "route",
                                              text(snapshot_route(t->snapshot, i).name), "applies",
                                              (int)(i == t->answer.route), "does_not_fit",
                                              text(str_from(i == t->answer.route ? "" : why))));
    }
    return list;
}

void explanation_print_json(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    const struct decide_answer *a = &t->answer;
    char address[ADDR_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
    size_t prefix_len = t->located ? prefix_format(&t->prefix, prefix) : 0;
    char *match = match_text(&t->network);
    struct str store = STR(""), route = STR("");
    if (a->route != DECIDE_NO_ROUTE)
        route = snapshot_route(t->snapshot, a->route).name;
    if (a->store != DECIDE_NO_STORE)
        store = snapshot_store(t->snapshot, a->store).name;
    json_t *object = json_pack(
        "{s:i, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status",
        (int)a->status, "location", text(a->location), "step", decide_step_name(a->step), "reason",
        decide_step_text(a->step), "cloud", text(t->network.cloud), "region",
        text(t->network.region), "route", text(route), "store", text(store), "client",
        text(str_make(address, addr_format(&t->client, address))), "prefix",
        text(str_make(prefix, prefix_len)), "match", text(str_from(match)), "method",
        text(str_from(e->method)), "path", text(t->target), "routes", routes(t), "steps", steps(t));
    free(match);
    json_dumpf(object, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(object);
}
