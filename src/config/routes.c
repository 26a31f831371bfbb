#include "config/routes.h"

#include "base/name.h"
#include "base/num.h"
#include "config/texts.h"
#include "config/value.h"
#include "sys/xalloc.h"

#include <archeio/decide.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 1024 /* bytes */
#define HOST_MAX 255
#define BODY_MAX 1024
#define VALUE_MAX 1024

enum { NAME, WHEN, TO, STRIP };

static const struct keys_key keys[] = {
    {"name", "what metrics, logs and explain call it", true},
    {"when", "the conditions, all of which must hold; without any: always", false},
    {"to", "a list of stores and upstreams, or url and status, or status and body", true},
    {"strip", "the beginning of other paths than /v2/ that what follows is not sent", false},
};
const struct keys routes_keys = {"routes", "route", keys, sizeof(keys) / sizeof(keys[0])};

enum {
    CLOUD,
    REGION,
    PROVIDER,
    ASN,
    NETWORK,
    HOST,
    PATH,
    REPOSITORY,
    KIND,
    METHOD,
    HEADER,
    SHARE,
};

static const struct keys_key when_keys[] = {
    {"cloud", "clouds of the client, by published ranges", false},
    {"region", "REGION or CLOUD/REGION, the same", false},
    {"provider", "names of \"providers\"", false},
    {"asn", "autonomous systems of the client: as64500", false},
    {"network", "prefixes that the client is in", false},
    {"host", "names of hosts that the request is for, without a port", false},
    {"path", "patterns of whole paths: /release/**", false},
    {"repository", "patterns of repositories: team/*, e2e/**", false},
    {"kind", "manifest, blob, tags, referrers, signature or other", false},
    {"method", "GET or HEAD", false},
    {"header",
     "fields and their values, a list each; one that ends in * stands for all that begin "
     "so",
     false},
    {"share", "a part of the clients, always the same: 5%", false},
};
const struct keys routes_when_keys = {"routes: when", "set of conditions", when_keys,
                                      sizeof(when_keys) / sizeof(when_keys[0])};

enum { URL, STATUS, BODY };

static const struct keys_key to_keys[] = {
    {"url", "it takes the place of what stands before a path's first wildcard", false},
    {"status", "301, 302, 307 or 308 with a url (307), or 200, 4xx or 503 without", false},
    {"body", "a line of text, for an answer without a url", false},
};
const struct keys routes_to_keys = {"routes: to", "target", to_keys,
                                    sizeof(to_keys) / sizeof(to_keys[0])};

const char *const routes_kinds[] = {"other",     "manifest",  "blob", "tags",
                                    "referrers", "signature", NULL};
const char *const routes_methods[] = {"GET", "HEAD", NULL};

/* ── What a word must be ── */

static const char *check_name(struct str text)
{
    return name_check(text);
}

static const char *check_region(struct str text)
{
    size_t slash = str_find(text, '/');
    if (name_check(str_make(text.data, slash)) == NULL &&
        (slash == text.len || name_check(str_skip(text, slash + 1)) == NULL))
        return NULL;
    return "REGION or CLOUD/REGION, such as aws/eu-west-3";
}

static bool consists_of_pchars(struct str text)
{
    static const char others[] = "-._~!$&'()*+,;=:@/%";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

static const char *check_host(struct str text)
{
    bool good = text.len > 0 && text.len <= HOST_MAX && text.data[text.len - 1] != '.';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr("-._[]:", c) != NULL);
    }
    if (good && text.data[0] != '[' && str_find(text, ':') < text.len)
        return "a host without its port, such as dl.example.org";
    return good ? NULL : "a host such as dl.example.org";
}

static const char *check_path(struct str text)
{
    if (text.len > 0 && text.len <= PATTERN_MAX && text.data[0] == '/' && consists_of_pchars(text))
        return NULL;
    return "a path from its first slash on, in which * and ** may stand, such as /release/**";
}

static const char *check_repository(struct str text)
{
    if (text.len > 0 && text.len <= PATTERN_MAX && text.data[0] != '/' &&
        text.data[text.len - 1] != '/' && consists_of_pchars(text) &&
        str_find(text, '%') == text.len)
        return NULL;
    return "a repository without slashes around it, in which * and ** may stand, such as team/**";
}

static const char *check_value(struct str text)
{
    bool good = text.len > 0 && text.len <= VALUE_MAX && !str_eq(text, STR("*"));
    for (size_t i = 0; i < text.len; i++)
        good = good && text.data[i] >= 0x20 && text.data[i] < 0x7f;
    return good ? NULL
                : "printable ASCII of at most 1024 bytes; a * at its end stands for the rest";
}

/* RFC 9110 section 5.1. */
static bool is_field_name(struct str text)
{
    bool good = text.len > 0 && text.len <= NAME_LENGTH_MAX;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        good = good &&
               ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                strchr("!#$%&'*+-.^_`|~", c) != NULL) &&
               c != '\0';
    }
    return good;
}

const char *routes_share(struct str text, uint32_t *out)
{
    static const char expected[] = "a percentage above 0% and up to 100%, such as 5% or 0.25%";
    uint64_t whole, part = 0;
    if (!str_ends(text, STR("%")))
        return expected;
    text.len--;
    size_t dot = str_find(text, '.');
    struct str digits = dot < text.len ? str_skip(text, dot + 1) : STR("");
    if (!num_parse(str_make(text.data, dot), 100, &whole) || (dot < text.len && digits.len == 0) ||
        digits.len > 2)
        return expected;
    for (size_t i = 0; i < 2; i++) {
        char c = i < digits.len ? digits.data[i] : '0';
        if (c < '0' || c > '9')
            return expected;
        part = part * 10 + (uint64_t)(c - '0');
    }
    uint64_t share = whole * 100 + part;
    if (share == 0 || share > ROUTES_SHARE_ALL)
        return expected;
    *out = (uint32_t)share;
    return NULL;
}

/* ── Conditions ── */

static bool read_asn(struct reader *r, const struct document_node *node, void *context)
{
    struct config_numbers *out = context;
    uint32_t asn;
    const char *expected = texts_asn(str_from(node->text), &asn);
    if (expected != NULL)
        return reader_unfit(r, node, "routes: asn", expected);
    out->number = xalloc_grow(out->number, out->n, sizeof(asn));
    out->number[out->n++] = asn;
    return true;
}

struct words {
    const char *label;
    const char *const *word;
    unsigned *bits;
};

static bool read_word(struct reader *r, const struct document_node *node, void *context)
{
    struct words *w = context;
    size_t n = 0;
    while (w->word[n] != NULL && strcmp(w->word[n], node->text) != 0)
        n++;
    if (w->word[n] != NULL) {
        *w->bits |= 1U << n;
        return true;
    }
    const char *nearest = diag_nearest(node->text, w->word, n);
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, w->label, "%s is none; %s\"%s\"%s", document_show(node, shown),
                 nearest != NULL ? "did you mean " : "one of them is ",
                 nearest != NULL ? nearest : w->word[0], nearest != NULL ? "?" : "");
    return false;
}

static bool read_networks(struct reader *r, const struct document_node *node,
                          struct config_prefixes *out)
{
    struct document_node word = *node;
    struct document_node list = {.kind = DOCUMENT_LIST,
                                 .first = &word,
                                 .last = &word,
                                 .line = node->line,
                                 .column = node->column};
    word.next = NULL;
    if (node->kind == DOCUMENT_LIST && node->first == NULL)
        return reader_unfit(r, node, "routes: network", "prefixes such as [10.0.0.0/8]");
    return reader_prefixes(r, node->kind == DOCUMENT_SCALAR ? &list : node, "routes: network", out);
}

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
}

static bool read_hosts(struct reader *r, const struct document_node *node, struct config_texts *out)
{
    bool good =
        texts_read(r, node, "routes: host", "hosts such as [dl.example.org]", check_host, out);
    for (size_t i = 0; i < out->n; i++)
        lower(out->text[i]);
    return good;
}

static bool read_field(struct reader *r, const struct document_node *node, struct config_when *w)
{
    struct diag_at at = {r->name, node->key_line, node->key_column};
    if (!is_field_name(str_from(node->key))) {
        diag_error(r->d, at, "routes: header: \"%.64s\" is no name of a header field", node->key);
        return false;
    }
    struct config_field field = {.name = xalloc_text(node->key)};
    lower(field.name);
    bool twice = false;
    for (size_t i = 0; i < w->n_fields; i++)
        twice = twice || strcmp(w->fields[i].name, field.name) == 0;
    w->fields = xalloc_grow(w->fields, w->n_fields, sizeof(field));
    w->fields[w->n_fields] = field;
    bool good = texts_read(r, node, "routes: header", "values such as [blue, \"red-*\"]",
                           check_value, &w->fields[w->n_fields].values);
    w->n_fields++;
    if (twice)
        diag_error(r->d, at, "routes: header: %s is given twice; list its values together",
                   node->key);
    return good && !twice;
}

static bool read_fields(struct reader *r, const struct document_node *map, struct config_when *w)
{
    bool good = true;
    if (map->kind != DOCUMENT_MAPPING || map->first == NULL)
        return reader_unfit(r, map, "routes: header", "fields and values (\"X-Team: blue\")");
    for (const struct document_node *n = map->first; n != NULL; n = n->next)
        good = read_field(r, n, w) && good;
    return good;
}

static bool read_share(struct reader *r, const struct document_node *node, uint32_t *out)
{
    if (!reader_scalar(r, node, "routes: share", "a percentage such as 5%"))
        return false;
    const char *expected = routes_share(str_from(node->text), out);
    return expected == NULL || reader_unfit(r, node, "routes: share", expected);
}

/* The condition that stands at key. */
static bool read_condition(struct reader *r, size_t key, const struct document_node *node,
                           struct config_when *w)
{
    struct words kinds = {"routes: kind", routes_kinds, &w->kinds};
    struct words methods = {"routes: method", routes_methods, &w->methods};
    switch (key) {
    case CLOUD:
        return texts_read(r, node, "routes: cloud", "clouds such as [aws]", check_name, &w->clouds);
    case REGION:
        return texts_read(r, node, "routes: region", "regions such as [aws/eu-west-3]",
                          check_region, &w->regions);
    case PROVIDER:
        return texts_read(r, node, "routes: provider", "names of providers", check_name,
                          &w->providers);
    case ASN:
        return texts_for_each(r, node, "routes: asn", "autonomous systems such as [as64500]",
                              read_asn, &w->asns);
    case NETWORK:
        return read_networks(r, node, &w->networks);
    case HOST:
        return read_hosts(r, node, &w->hosts);
    case PATH:
        return texts_read(r, node, "routes: path", "paths such as /release/**", check_path,
                          &w->paths);
    case REPOSITORY:
        return texts_read(r, node, "routes: repository", "repositories such as team/**",
                          check_repository, &w->repositories);
    case KIND:
        return texts_for_each(r, node, "routes: kind", "kinds such as [manifest, tags]", read_word,
                              &kinds);
    case METHOD:
        return texts_for_each(r, node, "routes: method", "GET or HEAD", read_word, &methods);
    case HEADER:
        return read_fields(r, node, w);
    default:
        return read_share(r, node, &w->share);
    }
}

static bool read_when(struct reader *r, const struct document_node *node, struct config_when *w)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &routes_when_keys, node, given);
    for (size_t i = 0; i < routes_when_keys.n; i++)
        if (given[i] != NULL)
            good = read_condition(r, i, given[i], w) && good;
    return good;
}

/* ── Targets ── */

static bool status_fits(uint64_t status, bool url)
{
    if (url)
        return status == 301 || status == 302 || status == 307 || status == 308;
    return status == 200 || status == 503 || (status >= 400 && status <= 499);
}

static bool read_status(struct reader *r, const struct document_node *node, bool url,
                        unsigned *status)
{
    uint64_t number;
    const char *expected =
        url ? "301, 302, 307 or 308" : "200, a status from 400 to 499, or 503 (redirects need url)";
    if (!reader_scalar(r, node, "routes: to: status", expected))
        return false;
    if (!num_parse(str_from(node->text), 999, &number) || !status_fits(number, url))
        return reader_unfit(r, node, "routes: to: status", expected);
    *status = (unsigned)number;
    return true;
}

static bool read_url(struct reader *r, const struct document_node *node, struct config_target *t)
{
    if (!reader_scalar(r, node, "routes: to: url", "an absolute http or https URL"))
        return false;
    struct str url = value_trim_end(str_from(node->text));
    const char *expected = value_base_url(url);
    if (expected != NULL)
        return reader_unfit(r, node, "routes: to: url", expected);
    t->url = xalloc_copy(url.data, url.len);
    return true;
}

static bool read_body(struct reader *r, const struct document_node *node, struct config_target *t)
{
    static const char expected[] = "a line of printable ASCII, at most 1024 bytes";
    if (!reader_scalar(r, node, "routes: to: body", expected))
        return false;
    bool good = strlen(node->text) <= BODY_MAX;
    for (const char *c = node->text; *c != '\0'; c++)
        good = good && *c >= 0x20 && *c < 0x7f;
    if (!good)
        return reader_unfit(r, node, "routes: to: body", expected);
    free(t->body);
    t->body = xalloc_text(node->text);
    return true;
}

/* {url: ..., status: 302}, or {status: 404, body: ...}. */
static bool read_mapping(struct reader *r, const struct document_node *node,
                         struct config_target *t)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &routes_to_keys, node, given), url = given[URL] != NULL;
    if (!good)
        return false;
    if (!url && given[STATUS] == NULL)
        return reader_unfit(r, node, "routes: to", "url, or status, in a mapping");
    if (url && given[BODY] != NULL)
        return reader_unfit(r, given[BODY], "routes: to: body", "none beside a url");
    t->status = 307;
    if (url)
        good = read_url(r, given[URL], t);
    else
        t->body = xalloc_text("");
    if (given[STATUS] != NULL)
        good = read_status(r, given[STATUS], url, &t->status) && good;
    if (given[BODY] != NULL)
        good = read_body(r, given[BODY], t) && good;
    return good;
}

static bool read_target(struct reader *r, const struct document_node *node,
                        struct config_route *route)
{
    route->to = xalloc_grow(route->to, route->n_to, sizeof(*route->to));
    struct config_target *t = &route->to[route->n_to++];
    *t = (struct config_target){.origin = reader_origin(r, node)};
    if (node->kind == DOCUMENT_MAPPING)
        return read_mapping(r, node, t);
    if (!reader_scalar(r, node, "routes: to", "the name of a store or upstream"))
        return false;
    t->name = xalloc_text(node->text);
    return true;
}

static bool read_targets(struct reader *r, const struct document_node *node,
                         struct config_route *route)
{
    bool good = true;
    if (node->kind != DOCUMENT_LIST)
        return read_target(r, node, route);
    if (node->first == NULL)
        return reader_unfit(r, node, "routes: to", "at least one store, upstream or url");
    for (const struct document_node *n = node->first; n != NULL; n = n->next) {
        if (route->n_to == TEXTS_MAX)
            return reader_unfit(r, n, "routes: to", "at most 4096 entries");
        good = read_target(r, n, route) && good;
    }
    return good;
}

/* ── Routes ── */

static bool read_name(struct reader *r, const struct document_node *node,
                      struct config_route *route)
{
    const struct config *c = r->config;
    if (!reader_scalar(r, node, "routes: name", "a word"))
        return false;
    const char *expected = name_check(str_from(node->text));
    if (expected != NULL)
        return reader_unfit(r, node, "routes: name", expected);
    for (size_t i = 0; i + 1 < c->n_routes; i++)
        if (c->routes[i].name != NULL && strcmp(c->routes[i].name, node->text) == 0) {
            reader_error(r, node, "routes: name", "\"%s\" is taken by the route in line %u",
                         node->text, c->routes[i].origin.line);
            return false;
        }
    route->name = xalloc_text(node->text);
    return true;
}

static bool read_strip(struct reader *r, const struct document_node *node,
                       struct config_route *route)
{
    if (!reader_scalar(r, node, "routes: strip", "the beginning of a path"))
        return false;
    struct str text = value_trim_end(str_from(node->text));
    if (text.len > 0 && (check_path(text) != NULL || str_find(text, '*') < text.len))
        return reader_unfit(r, node, "routes: strip",
                            "the beginning of a path without wildcards, such as /release");
    route->strip = xalloc_copy(text.data, text.len);
    return true;
}

static bool read_route(struct reader *r, const struct document_node *node,
                       struct config_route *route)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &routes_keys, node, given);
    route->origin = reader_origin(r, node);
    route->when.share = ROUTES_SHARE_ALL;
    if (given[NAME] != NULL)
        good = read_name(r, given[NAME], route) && good;
    if (given[WHEN] != NULL && !document_is_null(given[WHEN]))
        good = read_when(r, given[WHEN], &route->when) && good;
    if (given[TO] != NULL)
        good = read_targets(r, given[TO], route) && good;
    if (given[STRIP] != NULL)
        good = read_strip(r, given[STRIP], route) && good;
    return good;
}

bool routes_read(struct reader *r, const struct document_node *list)
{
    struct config *c = r->config;
    bool good = reader_list(r, list, "routes", "a list of routes (\"- name: ...\")");
    routes_clear(c);
    for (const struct document_node *n = list->first; n != NULL && list->kind == DOCUMENT_LIST;
         n = n->next) {
        if (c->n_routes == SNAPSHOT_ROUTES_MAX)
            return reader_unfit(r, n, "routes", "at most 4096 routes");
        c->routes = xalloc_grow(c->routes, c->n_routes, sizeof(*c->routes));
        c->routes[c->n_routes++] = (struct config_route){.name = NULL};
        good = read_route(r, n, &c->routes[c->n_routes - 1]) && good;
    }
    return good;
}

static void clear_when(struct config_when *w)
{
    texts_clear(&w->clouds);
    texts_clear(&w->regions);
    texts_clear(&w->providers);
    texts_clear(&w->hosts);
    texts_clear(&w->paths);
    texts_clear(&w->repositories);
    free(w->asns.number);
    free(w->networks.prefix);
    for (size_t i = 0; i < w->n_fields; i++) {
        free(w->fields[i].name);
        texts_clear(&w->fields[i].values);
    }
    free(w->fields);
}

static void clear_route(struct config_route *route)
{
    clear_when(&route->when);
    for (size_t i = 0; i < route->n_to; i++) {
        free(route->to[i].name);
        free(route->to[i].url);
        free(route->to[i].body);
    }
    free(route->to);
    free(route->name);
    free(route->strip);
}

void routes_clear(struct config *c)
{
    for (size_t i = 0; i < c->n_routes; i++)
        clear_route(&c->routes[i]);
    free(c->routes);
    c->routes = NULL;
    c->n_routes = 0;
}
