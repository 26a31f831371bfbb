#include "cli/specimens.h"

#include "oci/path.h"
#include "policy/column.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define WORD 64U
#define PATTERNS_MAX 8 /* of a route that are looked at; the same for hosts and values */
#define VARIES "00000000"
#define DIGEST "sha256:00000000000000000000000000000000000000000000000000000000" VARIES
#define SIGNATURE_DIGEST "sha256-0000000000000000000000000000000000000000000000000000000000000000"

/* What a repository is asked for, by kind of path. */
static const struct {
    const char *suffix;
    const char *plural;
} kinds[] = {
    [PATH_OTHER] = {"blobs/uploads/" VARIES, "other paths"},
    [PATH_MANIFEST] = {"manifests/" VARIES, "manifests"},
    [PATH_BLOB] = {"blobs/" DIGEST, "blobs"},
    [PATH_TAGS] = {"tags/list", "tags"},
    [PATH_REFERRERS] = {"referrers/" DIGEST, "referrers"},
    [PATH_SIGNATURE] = {"manifests/" SIGNATURE_DIGEST ".sig", "signatures"},
};

/* What is the same of all specimens of a route, and differs from one to the next. */
struct mould {
    struct specimens *to;
    const struct snapshot *s;
    uint32_t route;
    enum decide_method method;
    struct str host;
    struct comparison_field field[SNAPSHOT_HEADERS_MAX];
    size_t n_fields;
};

/* ── One ── */

static bool same_fields(const struct comparison_request *a, const struct comparison_request *b)
{
    size_t i = 0;
    while (i < a->n_fields && i < b->n_fields && str_eq(a->fields[i].name, b->fields[i].name) &&
           str_eq(a->fields[i].value, b->fields[i].value))
        i++;
    return i == a->n_fields && i == b->n_fields;
}

static bool is_known(const struct specimens *list, const struct comparison_request *new)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct comparison_request *old = &list->one[i].request;
        if (old->method == new->method && str_eq(old->target, new->target) &&
            str_eq(old->host, new->host) && same_fields(old, new))
            return true;
    }
    return false;
}

static void release(struct specimen *one)
{
    free(one->label);
    free(one->target);
    free(one->fields);
}

/* What it is about, and in what it differs from the plainest request. */
static char *full_label(const struct mould *m, const char *label)
{
    const char *method = m->method == DECIDE_HEAD ? "HEAD: " : "";
    char *text = m->host.len > 0
                     ? xalloc_format("%s%s at %.*s", method, label, (int)m->host.len, m->host.data)
                     : xalloc_format("%s%s", method, label);
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct comparison_field *f = &m->field[i];
        char *longer = xalloc_format("%s with %.*s: %.*s", text, (int)f->name.len, f->name.data,
                                     (int)f->value.len, f->value.data);
        free(text);
        text = longer;
    }
    return text;
}

/* The last place at which the digits that may vary stand. */
static size_t find_varying(const char *target)
{
    size_t found = SPECIMENS_NOWHERE;
    for (const char *at = strstr(target, VARIES); at != NULL; at = strstr(at + 1, VARIES))
        found = (size_t)(at - target);
    return found;
}

static void add(const struct mould *m, const char *target, const char *label)
{
    struct specimens *list = m->to;
    if (list->n == SPECIMENS_MAX || strlen(target) > DECIDE_TARGET_MAX)
        return;
    struct specimen one = {
        .label = full_label(m, label),
        .target = xalloc_text(target),
        .fields = xalloc_zero(m->n_fields + 1, sizeof(*one.fields)),
        .varies = find_varying(target),
    };
    memcpy(one.fields, m->field, m->n_fields * sizeof(*one.fields));
    one.request = (struct comparison_request){
        .method = m->method,
        .target = str_from(one.target),
        .host = m->host,
        .fields = one.fields,
        .n_fields = m->n_fields,
    };
    if (is_known(list, &one.request)) {
        release(&one);
        return;
    }
    list->one = xalloc_grow(list->one, list->n, sizeof(*list->one));
    list->one[list->n++] = one;
}

/* ── Of the snapshot's patterns ── */

static const struct image_header *header(const struct snapshot *s)
{
    return s->image;
}

static bool has(const struct mould *m, const uint64_t *row)
{
    return (row[m->route / WORD] >> m->route % WORD & 1) != 0;
}

static bool takes_kind(const struct mould *m, enum path_kind kind)
{
    return has(m, column_row_at(m->s, header(m->s)->kind_row[kind]));
}

/* A text that the pattern matches (free() it): wildcards stand for something that can be varied. */
static char *instance(struct str pattern)
{
    char *text = xalloc_text("");
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i];
        bool any = c == '*' && i + 1 < pattern.len && pattern.data[i + 1] == '*';
        char *longer = c == '*'   ? xalloc_format("%sx" VARIES, text)
                       : c == '?' ? xalloc_format("%sx", text)
                                  : xalloc_format("%s%c", text, c);
        i += any;
        free(text);
        text = longer;
    }
    return text;
}

static void add_repository(const struct mould *m, const char *repository, const char *label)
{
    for (unsigned kind = 0; kind < IMAGE_KINDS; kind++) {
        if (!takes_kind(m, (enum path_kind)kind))
            continue;
        char *target = xalloc_format("/v2/%s/%s", repository, kinds[kind].suffix);
        char *text = label[0] != '\0' ? xalloc_format("%s of %s", kinds[kind].plural, label)
                                      : xalloc_text(kinds[kind].plural);
        add(m, target, text);
        free(target);
        free(text);
    }
}

static void add_patterns(const struct mould *m, uint32_t first, uint32_t n, bool repositories)
{
    for (uint32_t i = 0; i < n && i < PATTERNS_MAX; i++) {
        struct str pattern = column_text(m->s, m->s->patterns[first + i].text);
        char *label = xalloc_copy(pattern.data, pattern.len), *text = instance(pattern);
        if (repositories)
            add_repository(m, text, label);
        else
            add(m, text, label);
        free(text);
        free(label);
    }
}

static void add_paths(const struct mould *m)
{
    const struct image_route *route = &m->s->routes[m->route];
    if (route->n_paths > 0)
        add_patterns(m, route->paths, route->n_paths, false);
    if (route->n_repositories > 0)
        add_patterns(m, route->repositories, route->n_repositories, true);
    if (route->n_paths + route->n_repositories > 0)
        return;
    add_repository(m, "app", "");
    if (takes_kind(m, PATH_OTHER))
        add(m, "/any/" VARIES, "paths outside /v2/");
}

/* ── Of its columns ── */

/* The next text of a column, from *i on, that the route looks for; false: there is none. */
static bool find_wanted(const struct mould *m, const struct image_column *c, uint32_t *i,
                        struct str *text)
{
    while (*i < c->count) {
        const struct image_literal *literal = &m->s->literals[c->first + (*i)++];
        if (!has(m, column_row_at(m->s, literal->equal)))
            continue;
        *text = column_text(m->s, literal->text);
        return true;
    }
    return false;
}

static bool looks_at(const struct mould *m, const struct image_column *c)
{
    return c->used != 0 && !has(m, column_row_at(m->s, c->others));
}

/* With the first value of each field that the route looks at, then with the others of one. */
static void add_with_fields(struct mould *m)
{
    const struct image_column *column[SNAPSHOT_HEADERS_MAX];
    uint32_t at[SNAPSHOT_HEADERS_MAX] = {0};
    m->n_fields = 0;
    for (uint32_t f = 0; f < m->s->n_headers; f++) {
        struct comparison_field *field = &m->field[m->n_fields];
        column[m->n_fields] = &m->s->fields[f].column;
        field->name = snapshot_header(m->s, f);
        if (looks_at(m, column[m->n_fields]) &&
            find_wanted(m, column[m->n_fields], &at[m->n_fields], &field->value))
            m->n_fields++;
    }
    add_paths(m);
    for (size_t f = 0; f < m->n_fields; f++) {
        const struct str first = m->field[f].value;
        for (unsigned n = 1;
             n < PATTERNS_MAX && find_wanted(m, column[f], &at[f], &m->field[f].value); n++)
            add_paths(m);
        m->field[f].value = first;
    }
    m->n_fields = 0;
}

static void add_route(struct mould *m)
{
    const struct image_header *h = header(m->s);
    uint32_t at = 0;
    m->method = has(m, column_row_at(m->s, h->method_row[DECIDE_GET])) ? DECIDE_GET : DECIDE_HEAD;
    m->host = STR("");
    if (!looks_at(m, &h->host)) {
        add_with_fields(m);
        return;
    }
    for (unsigned n = 0; n < PATTERNS_MAX && find_wanted(m, &h->host, &at, &m->host); n++)
        add_with_fields(m);
}

/* Those of the steps. */
static void add_plain(const struct mould *m)
{
    for (unsigned kind = 0; kind < IMAGE_KINDS; kind++) {
        char *target = xalloc_format("/v2/app/%s", kinds[kind].suffix);
        add(m, target, kinds[kind].plural);
        free(target);
    }
    add(m, "/v2/", "/v2/");
    add(m, "/v2/_catalog", "/v2/_catalog");
    add(m, "/", "/");
    add(m, "/privacy", "/privacy");
    add(m, "/any/" VARIES, "paths outside /v2/");
}

void specimens_add(struct specimens *list, const struct snapshot *s)
{
    struct mould m = {.to = list, .s = s, .method = DECIDE_GET, .host = STR("")};
    add_plain(&m);
    for (m.route = 0; m.route < s->n_routes; m.route++) {
        list->shared = list->shared || s->routes[m.route].share <= UINT32_MAX;
        add_route(&m);
    }
}

void specimens_release(struct specimens *list)
{
    for (size_t i = 0; i < list->n; i++)
        release(&list->one[i]);
    free(list->one);
    *list = (struct specimens){.n = 0};
}

void specimens_vary(struct specimen *specimen, uint32_t i)
{
    static const char digits[] = "0123456789abcdef";
    if (specimen->varies == SPECIMENS_NOWHERE)
        return;
    for (unsigned at = 0; at < 8; at++)
        specimen->target[specimen->varies + at] = digits[i >> (28 - 4 * at) & 15];
}
