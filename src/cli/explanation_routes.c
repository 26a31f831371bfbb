#include "cli/explanation_routes.h"

#include "cli/printable.h"
#include "config/when.h"
#include "policy/column.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define LINES_MAX 20 /* more routes than that are summed up */
#define COLUMNS 80
#define INDENT 13 /* columns of "  route no   " */
#define PATTERNS_SHOWN 3

/* The key of the configuration's conditions; of the five that are one question, a word for all. */
static const char *condition_name(enum route_condition condition)
{
    static const char *const name[] = {
        [ROUTE_TAKEN] = "",
        [ROUTE_CLIENT] = "client",
        [ROUTE_METHOD] = "method",
        [ROUTE_KIND] = "kind",
        [ROUTE_HOST] = "host",
        [ROUTE_PATH] = "path",
        [ROUTE_REPOSITORY] = "repository",
        [ROUTE_HEADER] = "header",
        [ROUTE_SHARE] = "share",
    };
    return name[condition];
}

/* How many routes were looked at: up to the one that is taken. */
static uint32_t n_tried(const struct trace *t)
{
    if (!t->routable)
        return 0;
    return t->answer.route != DECIDE_NO_ROUTE ? t->answer.route + 1 : t->snapshot->n_routes;
}

static bool is_taken(const struct trace *t, uint32_t i)
{
    return i == t->answer.route;
}

/* ── Why a route is not taken ── */

/* The patterns that it wants one of. */
static void put_patterns(const struct snapshot *s, uint32_t first, uint32_t n, FILE *to)
{
    for (uint32_t i = 0; i < n && i < PATTERNS_SHOWN; i++) {
        fputs(i == 0 ? "" : i + 1 == n ? " or " : ", ", to);
        printable_put(column_text(s, s->patterns[first + i].text), to);
    }
    if (n > PATTERNS_SHOWN)
        fprintf(to, " or %u more", (unsigned)(n - PATTERNS_SHOWN));
}

static void put_fact(const char *what, struct str is, FILE *to)
{
    if (is.len == 0) {
        fprintf(to, "the request has no %s", what);
        return;
    }
    fprintf(to, "the %s is ", what);
    printable_put(is, to);
}

static void put_repository(const struct trace *t, const struct image_route *route, FILE *to)
{
    put_fact("repository", t->facts.repository, to);
    if (route->n_repositories > 0) {
        fputs(", not ", to);
        put_patterns(t->snapshot, route->repositories, route->n_repositories, to);
    }
}

static void put_field(const struct trace *t, uint32_t field, FILE *to)
{
    struct str name = snapshot_header(t->snapshot, field), value = t->headers[field];
    printable_put(name, to);
    if (value.data == NULL) {
        fputs(" is missing", to);
        return;
    }
    fputs(" is \"", to);
    printable_put(value, to);
    fputc('"', to);
}

static void put_share(const struct image_route *route, FILE *to)
{
    fprintf(to, "the client is not in its share of %.4g%%",
            100.0 * (double)route->share / 4294967296.0);
}

/* Why route i is not taken, as a sentence without its end. */
static void put_reason(const struct trace *t, uint32_t i, FILE *to)
{
    const struct image_route *route = &t->snapshot->routes[i];
    switch (t->tried[i].failed) {
    case ROUTE_TAKEN:
        break;
    case ROUTE_CLIENT:
        fputs("the client is of another cloud, region, provider, asn or network", to);
        break;
    case ROUTE_METHOD:
        put_fact("method", t->method == DECIDE_HEAD ? STR("HEAD") : STR("GET"), to);
        break;
    case ROUTE_KIND:
        put_fact("kind", str_from(when_kinds[t->facts.kind]), to);
        break;
    case ROUTE_HOST:
        put_fact("host", t->host, to);
        break;
    case ROUTE_PATH:
        fputs("the path does not match ", to);
        put_patterns(t->snapshot, route->paths, route->n_paths, to);
        break;
    case ROUTE_REPOSITORY:
        put_repository(t, route, to);
        break;
    case ROUTE_HEADER:
        put_field(t, t->tried[i].field, to);
        break;
    case ROUTE_SHARE:
        put_share(route, to);
    }
}

/* ── For people ── */

static void print_each(const struct trace *t, FILE *to)
{
    for (uint32_t i = 0; i < n_tried(t); i++) {
        fprintf(to, "  route %-4s ", is_taken(t, i) ? "yes" : "no");
        printable_put(snapshot_route(t->snapshot, i).name, to);
        fputs(is_taken(t, i) ? "" : ": ", to);
        put_reason(t, i, to);
        fputc('\n', to);
    }
}

/* The names of those that failed for that, in lines that a terminal has room for. */
static void print_names(const struct trace *t, enum route_condition condition, FILE *to)
{
    size_t column = COLUMNS;
    for (uint32_t i = 0; i < n_tried(t); i++) {
        if (t->tried[i].failed != condition || is_taken(t, i))
            continue;
        struct str name = snapshot_route(t->snapshot, i).name;
        if (column + name.len + 1 >= COLUMNS)
            column = (size_t)fprintf(to, "\n%*s", INDENT + 1, "") - 2;
        fputc(' ', to);
        printable_put(name, to);
        column += name.len + 1;
    }
    fputc('\n', to);
}

static void print_sums(const struct trace *t, FILE *to)
{
    for (unsigned condition = ROUTE_TAKEN + 1; condition <= ROUTE_SHARE; condition++) {
        unsigned n = 0;
        for (uint32_t i = 0; i < n_tried(t); i++)
            n += t->tried[i].failed == condition && !is_taken(t, i);
        if (n == 0)
            continue;
        fprintf(to, "  route no   %u by the condition on %s:", n, condition_name(condition));
        print_names(t, condition, to);
    }
    if (t->answer.route == DECIDE_NO_ROUTE)
        return;
    fputs("  route yes  ", to);
    printable_put(snapshot_route(t->snapshot, t->answer.route).name, to);
    fputc('\n', to);
}

void explanation_routes_print(const struct trace *t, FILE *to)
{
    if (t->snapshot->n_routes > 0 && !t->routable)
        fputs("  route no   none takes a path or query that is unsafe\n", to);
    (n_tried(t) > LINES_MAX ? print_sums : print_each)(t, to);
}

/* ── For programs ── */

static json_t *reason(const struct trace *t, uint32_t i)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    if (to == NULL)
        return json_null();
    put_reason(t, i, to);
    fclose(to);
    json_t *value = printable_json(str_make(text, len));
    free(text);
    return value;
}

json_t *explanation_routes_json(const struct trace *t)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n_tried(t); i++) {
        const char *condition = is_taken(t, i) ? "" : condition_name(t->tried[i].failed);
        json_array_append_new(list, json_pack("{s:o, s:b, s:o, s:o}", "route",
                                              printable_json(snapshot_route(t->snapshot, i).name),
                                              "applies", (int)is_taken(t, i), "condition",
                                              printable_json(str_from(condition)), "because",
                                              reason(t, i)));
    }
    return list;
}
