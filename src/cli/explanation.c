#include "cli/explanation.h"

#include "cli/explanation_routes.h"
#include "cli/printable.h"
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
static char *entry_text(const struct snapshot_network *n)
{
    int cloud = (int)n->cloud.len, region = (int)n->region.len;
    if (n->match == SNAPSHOT_MATCH_REGION)
        return xalloc_format("%.*s/%.*s", cloud, n->cloud.data, region, n->region.data);
    if (n->match == SNAPSHOT_MATCH_CLOUD)
        return xalloc_copy(n->cloud.data, n->cloud.len);
    return xalloc_text(n->match == SNAPSHOT_MATCH_DEFAULT ? "default" : "");
}

/* ── For people ── */

/* What else is known of the client's network, in brackets. */
static void print_membership(const struct explanation *e, FILE *to)
{
    const char *between = " (";
    if (e->trace->network.asn != 0) {
        fprintf(to, "%sAS%u", between, (unsigned)e->trace->network.asn);
        between = ", ";
    }
    for (size_t i = 0; i < e->n_providers; i++) {
        fprintf(to, "%sprovider %s", between, e->provider[i]);
        between = ", ";
    }
    fputs(between[0] == ',' ? ")" : "", to);
}

static void print_client(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    char address[ADDR_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
    fputs("client    ", to);
    printable_put(str_make(address, addr_format(&t->client, address)), to);
    if (!t->located) {
        fputs(", of no known network: no prefix holds it\n", to);
        return;
    }
    fputs(", of ", to);
    printable_put(t->network.cloud.len > 0 ? t->network.cloud : STR("no known cloud"), to);
    if (t->network.region.len > 0)
        fputc('/', to);
    printable_put(t->network.region, to);
    print_membership(e, to);
    fputs(", by the prefix ", to);
    printable_put(str_make(prefix, prefix_format(&t->prefix, prefix)), to);
    fputc('\n', to);
}

static void print_entry(const struct trace *t, FILE *to)
{
    char *entry = entry_text(&t->network);
    fputs("entry     ", to);
    printable_put(str_from(entry[0] != '\0' ? entry : "none"), to);
    free(entry);
    fputs(": blobs from ", to);
    if (!t->network.blobs_from_upstream)
        for (uint32_t i = 0; i < t->network.n_stores; i++) {
            printable_put(snapshot_store(t->snapshot, t->network.stores[i]).name, to);
            fputs(", else ", to);
        }
    fputs("the upstream\n", to);
}

/* The request, and what routes may look at beside it. */
static void print_request(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    fputs("request   ", to);
    printable_put(str_from(e->method), to);
    fputc(' ', to);
    printable_put(t->target, to);
    fputc('\n', to);
    if (t->host.len > 0) {
        fputs("host      ", to);
        printable_put(t->host, to);
        fputc('\n', to);
    }
    for (uint32_t i = 0; i < t->snapshot->n_headers; i++) {
        if (t->headers[i].data == NULL)
            continue;
        fputs("header    ", to);
        printable_put(snapshot_header(t->snapshot, i), to);
        fputs(": ", to);
        printable_put(t->headers[i], to);
        fputc('\n', to);
    }
}

static void print_candidate(const struct explanation *e, size_t i, FILE *to)
{
    const struct trace *t = e->trace;
    const struct trace_candidate *c = &t->candidates[i];
    bool last = i + 1 == t->n_candidates;
    fputs("            ", to);
    printable_put(c->store, to);
    fputs("\n              ", to);
    printable_put(c->location, to);
    if (c->indexed)
        fputs("\n              serve looks into its index first, and asks for what is not in it",
              to);
    fputs("\n              if present: 307 to it; if absent or unknown: ", to);
    if (last)
        fputs(decide_step_name(t->if_nowhere.step), to);
    else
        printable_put(t->candidates[i + 1].store, to);
    fprintf(to, "\n              %s: %s", e->existence,
            c->asked ? existence_name(c->existence) : "not asked");
    fprintf(to, c->detail[0] != '\0' ? ", %s\n" : "%s\n", c->detail);
}

static void print_candidates(const struct explanation *e, FILE *to)
{
    for (size_t i = 0; i < e->trace->n_candidates; i++)
        print_candidate(e, i, to);
}

static void print_step(const struct explanation *e, unsigned step, FILE *to)
{
    const struct trace *t = e->trace;
    fprintf(to, "  %-5s %-4s %s\n", decide_step_name(step), step == t->answer.step ? "yes" : "no",
            decide_step_text(step));
    if (step == DECIDE_R12)
        print_candidates(e, to);
}

static void print_steps(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    const unsigned last = t->answer.step;
    const bool routed = t->answer.route != DECIDE_NO_ROUTE;
    print_step(e, DECIDE_R1, to);
    if (last != DECIDE_R1)
        explanation_routes_print(t, to);
    if (routed)
        print_candidates(e, to);
    for (unsigned step = DECIDE_R2; !routed && step <= last; step++)
        print_step(e, step, to);
    if (routed && last != DECIDE_ROUTE)
        print_step(e, last, to);
    if (t->answer.store != DECIDE_NO_STORE && t->if_nowhere.location.len > 0) {
        fprintf(to, "  %-9s if no store had it: %d to\n                 ",
                decide_step_name(t->if_nowhere.step), t->if_nowhere.status);
        printable_put(t->if_nowhere.location, to);
        fputc('\n', to);
    }
}

void explanation_print(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    print_client(e, to);
    print_entry(t, to);
    print_request(e, to);
    fputc('\n', to);
    print_steps(e, to);
    fprintf(to, "\nanswer    %d, step %s\n", t->answer.status, decide_step_name(t->answer.step));
    if (t->answer.location.len > 0) {
        fputs("location  ", to);
        printable_put(t->answer.location, to);
        fputc('\n', to);
    }
    if (t->answer.body.len > 0) {
        fputs("body      ", to);
        printable_put(str_make(t->answer.body.data, str_find(t->answer.body, '\n')), to);
        fputc('\n', to);
    }
}

/* ── For programs ── */

static json_t *outcome(unsigned status, struct str location)
{
    return json_pack("{s:i, s:o}", "status", (int)status, "location", printable_json(location));
}

/* What follows if candidate i does not have the blob: the next one, or step R13's answer. */
static json_t *otherwise(const struct trace *t, size_t i)
{
    if (i + 1 < t->n_candidates)
        return json_pack("{s:o}", "next", printable_json(t->candidates[i + 1].store));
    return outcome(t->if_nowhere.status, t->if_nowhere.location);
}

static json_t *candidate(const struct trace *t, size_t i)
{
    const struct trace_candidate *c = &t->candidates[i];
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "store", printable_json(c->store),
                     "url", printable_json(c->location), "index", (int)c->indexed, "existence",
                     printable_json(str_from(c->asked ? existence_name(c->existence) : "")),
                     "detail", printable_json(str_from(c->detail)), "present",
                     outcome(307, c->location), "absent", otherwise(t, i), "unknown",
                     otherwise(t, i));
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

static json_t *providers(const struct explanation *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->n_providers; i++)
        json_array_append_new(list, json_string(e->provider[i]));
    return list;
}

static void add_client(const struct explanation *e, json_t *object)
{
    const struct trace *t = e->trace;
    char address[ADDR_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
    size_t prefix_len = t->located ? prefix_format(&t->prefix, prefix) : 0;
    char *entry = entry_text(&t->network);
    json_t *asn = t->network.asn != 0 ? json_integer(t->network.asn) : json_null();
    json_t *client =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "client",
                  printable_json(str_make(address, addr_format(&t->client, address))), "prefix",
                  printable_json(str_make(prefix, prefix_len)), "cloud",
                  printable_json(t->network.cloud), "region", printable_json(t->network.region),
                  "asn", asn, "providers", providers(e), "entry", printable_json(str_from(entry)));
    json_object_update_missing(object, client);
    json_decref(client);
    free(entry);
}

void explanation_print_json(const struct explanation *e, FILE *to)
{
    const struct trace *t = e->trace;
    const struct decide_answer *a = &t->answer;
    struct str store = STR(""), route = STR("");
    if (a->route != DECIDE_NO_ROUTE)
        route = snapshot_route(t->snapshot, a->route).name;
    if (a->store != DECIDE_NO_STORE)
        store = snapshot_store(t->snapshot, a->store).name;
    json_t *object = json_pack("{s:i, s:o, s:s, s:s, s:o, s:o}", "status", (int)a->status,
                               "location", printable_json(a->location), "step",
                               decide_step_name(a->step), "reason", decide_step_text(a->step),
                               "route", printable_json(route), "store", printable_json(store));
    add_client(e, object);
    json_t *request =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "method", printable_json(str_from(e->method)),
                  "path", printable_json(t->target), "host", printable_json(t->host), "routes",
                  explanation_routes_json(t), "steps", steps(t));
    json_object_update_missing(object, request);
    json_decref(request);
    json_dumpf(object, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(object);
}
