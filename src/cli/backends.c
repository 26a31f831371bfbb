#include "cli/backends.h"

#include "base/ascii.h"
#include "base/name.h"
#include "config/keys.h"
#include "config/pattern.h"
#include "config/texts.h"
#include "config/value.h"
#include "config/when.h"
#include "sys/xalloc.h"
#include <archeio/snapshot.h>
#include <stdlib.h>

#define PATH_MAX_BYTES 1000

/* Who sent the request: not compared as a text, for without it the peer is the client. */
#define CLIENT_FIELD "X-Real-Ip"

static const struct keys_key top_key[] = {{"backends", "names, and below them hosts", true}};
static const struct keys top_keys = {"ArtifactServer", "configuration of it", top_key, 1};

enum { HOST, PREFIX, CONDITIONS };

static const struct keys_key backend_key[] = {
    {"host", "where its requests are sent", true},
    {"pathPrefix", "what is put in front of their paths", false},
    {"conditions", "which requests those are", false},
};
static const struct keys backend_keys = {"backends", "backend", backend_key, 3};

enum { PATHS, HEADERS };

static const struct keys_key condition_key[] = {
    {"paths", "those of requests", false},
    {"headers", "names and values", false},
};
static const struct keys condition_keys = {"backends: conditions", "set of conditions",
                                           condition_key, 2};

/* ── What a word must be ── */

/* "/kops/" meant all that is below it. */
static char *pattern_of(struct str path)
{
    return xalloc_format("%.*s%s", (int)path.len, path.data, str_ends(path, STR("/")) ? "**" : "");
}

/* It was compared after escapes had been decoded; and what is a wildcard here was none there. */
static const char *check_path(struct str text)
{
    if (text.len == 0 || text.len > PATH_MAX_BYTES || text.data[0] != '/' ||
        !ascii_consists_of(text, "-._~!$&'()+,;=:@/"))
        return "a path from its first slash on, of characters that need no escape, and without "
               "\"*\", which routes take for a wildcard";
    char *pattern = pattern_of(text);
    const char *unfit = pattern_check_path(str_from(pattern));
    free(pattern);
    return unfit == NULL ? NULL
                         : "a path that archeio answers: without \".\" and \"..\", and below "
                           "/v2/ without \"//\"";
}

static const char *check_value(struct str text)
{
    if (when_check_value(text) == NULL && text.data[text.len - 1] != '*')
        return NULL;
    return "printable ASCII, without blanks at its ends or a \"*\" at the last, "
           "which routes take for a wildcard";
}

static const char *check_address(struct str text)
{
    struct addr address;
    return addr_parse(text, &address) ? NULL : "the address of a client, such as 192.0.2.10";
}

/* RFC 9110 section 5.1. */
static bool is_field_name(struct str text)
{
    return text.len > 0 && text.len <= NAME_LENGTH_MAX &&
           ascii_consists_of(text, "!#$%&'*+-.^_`|~");
}

/* ── Conditions ── */

/* What is given, but empty, was no condition. */
static bool says_something(const struct document_node *node)
{
    return node != NULL && !document_is_null(node) &&
           (node->kind == DOCUMENT_SCALAR || node->first != NULL);
}

static void add_pattern(struct config_texts *to, const char *path)
{
    char *pattern = pattern_of(str_from(path));
    if (!texts_have(to, pattern))
        texts_add(to, str_from(pattern));
    free(pattern);
}

static bool read_paths(struct reader *r, const struct document_node *node, struct backends_entry *e)
{
    static const struct texts_rule rule = {"backends: paths", "paths such as [/kops/]", check_path,
                                           false};
    struct config_texts paths = {.n = 0};
    bool good = texts_read(r, node, &rule, &paths);
    for (size_t i = 0; i < paths.n; i++)
        add_pattern(&e->paths, paths.text[i]);
    texts_clear(&paths);
    return good;
}

static bool read_clients(struct reader *r, const struct document_node *node,
                         struct backends_entry *e)
{
    static const struct texts_rule rule = {"backends: headers: " CLIENT_FIELD,
                                           "addresses such as [192.0.2.10]", check_address, false};
    struct config_texts addresses = {.n = 0};
    struct config_prefixes *to = &e->clients;
    bool good = texts_read(r, node, &rule, &addresses);
    for (size_t i = 0; i < addresses.n; i++) {
        to->prefix = xalloc_grow(to->prefix, to->n, sizeof(*to->prefix));
        prefix_parse(str_from(addresses.text[i]), &to->prefix[to->n++]);
    }
    texts_clear(&addresses);
    return good;
}

static bool has_field(const struct backends_entry *e, struct str name)
{
    size_t i = 0;
    while (i < e->n_fields && !str_eq_nocase(str_from(e->fields[i].name), name))
        i++;
    return i < e->n_fields || (e->clients.n > 0 && str_eq_nocase(name, STR(CLIENT_FIELD)));
}

static bool read_header(struct reader *r, const struct document_node *node,
                        struct backends_entry *e)
{
    static const struct texts_rule rule = {"backends: headers", "values such as [blue]",
                                           check_value, false};
    const struct diag_at at = {r->name, node->key_line, node->key_column};
    const struct str name = str_from(node->key);
    if (!is_field_name(name) || str_eq_nocase(name, STR("Host"))) {
        diag_error(r->d, at,
                   "backends: headers: \"%.64s\" is no name of a header field that the "
                   "ArtifactServer saw",
                   node->key);
        return false;
    }
    if (has_field(e, name)) {
        diag_error(r->d, at, "backends: headers: %s is given twice; list its values together",
                   node->key);
        return false;
    }
    if (str_eq_nocase(name, STR(CLIENT_FIELD)))
        return read_clients(r, node, e);
    e->fields = xalloc_grow(e->fields, e->n_fields, sizeof(*e->fields));
    struct config_field *field = &e->fields[e->n_fields++];
    *field = (struct config_field){.name = xalloc_text(node->key)};
    return texts_read(r, node, &rule, &field->values);
}

static bool read_conditions(struct reader *r, const struct document_node *node,
                            struct backends_entry *e)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &condition_keys, node, given);
    const struct document_node *headers = given[HEADERS];
    if (says_something(given[PATHS]))
        good = read_paths(r, given[PATHS], e) && good;
    if (!says_something(headers))
        return good;
    if (headers->kind != DOCUMENT_MAPPING)
        return reader_unfit(r, headers, "backends: headers", "names and values (\"X-Team: blue\")");
    for (const struct document_node *n = headers->first; n != NULL; n = n->next)
        good = read_header(r, n, e) && good;
    return good;
}

/* ── Backends ── */

/* The program put a slash between prefix and path, whatever the prefix ended with: nobody wanted
 * two of them, and routes never have two. */
static struct str read_prefix(struct reader *r, const struct document_node *node)
{
    struct str prefix = str_from(node->text), trimmed = value_trim_end(prefix);
    if (trimmed.len < prefix.len)
        diag_warning(r->d, (struct diag_at){r->name, node->line, node->column},
                     "backends: pathPrefix: the slash at its end is left out; the ArtifactServer "
                     "made locations with \"//\" of it");
    return trimmed;
}

static bool read_url(struct reader *r, const struct document_node *const given[KEYS_MAX],
                     struct backends_entry *e)
{
    const struct document_node *host = given[HOST], *prefix = given[PREFIX];
    struct str path = STR("");
    if (!reader_scalar(r, host, "backends: host", "the name of a host"))
        return false;
    e->url = xalloc_format("https://%s", host->text);
    if (value_base_url(str_from(e->url)) != NULL || strchr(host->text, '/') != NULL)
        return reader_unfit(r, host, "backends: host", "the name of a host, such as k8s.gcr.io");
    if (prefix != NULL && prefix->kind != DOCUMENT_SCALAR)
        return reader_unfit(r, prefix, "backends: pathPrefix", "the beginning of a path");
    if (prefix != NULL && !document_is_null(prefix))
        path = read_prefix(r, prefix);
    char *url = xalloc_format("%s%.*s", e->url, (int)path.len, path.data);
    free(e->url);
    e->url = url;
    if (path.len > 0 && (path.data[0] != '/' || value_base_url(str_from(url)) != NULL))
        return reader_unfit(r, prefix, "backends: pathPrefix",
                            "the beginning of a path, such as /release");
    return true;
}

static bool read_backend(struct reader *r, const struct document_node *node, struct backends *b)
{
    const struct document_node *given[KEYS_MAX];
    const struct diag_at at = {r->name, node->key_line, node->key_column};
    const char *expected = name_check(str_from(node->key));
    bool good = keys_collect(r, &backend_keys, node, given) && expected == NULL;
    if (expected != NULL)
        diag_error(r->d, at, "backends: a route cannot be called \"%.64s\"; expected %s", node->key,
                   expected);
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->entry[i].name, node->key) == 0) {
            diag_error(r->d, at, "backends: %s is given twice; first in line %u", node->key,
                       b->entry[i].at.line);
            good = false;
        }
    b->entry = xalloc_grow(b->entry, b->n, sizeof(*b->entry));
    struct backends_entry *e = &b->entry[b->n++];
    *e = (struct backends_entry){.name = xalloc_text(node->key), .at = at};
    if (given[HOST] != NULL)
        good = read_url(r, given, e) && good;
    if (says_something(given[CONDITIONS]))
        good = read_conditions(r, given[CONDITIONS], e) && good;
    return good;
}

/* Which fields there are in all: a snapshot holds so many. */
static bool check_fields(const struct backends *b, struct diag *d)
{
    struct config_texts names = {.n = 0};
    bool good = true;
    for (size_t i = 0; i < b->n; i++)
        for (size_t f = 0; f < b->entry[i].n_fields; f++) {
            const char *name = b->entry[i].fields[f].name;
            size_t known = 0;
            while (known < names.n && strcasecmp(names.text[known], name) != 0)
                known++;
            if (known == names.n)
                texts_add(&names, str_from(name));
            if (known == SNAPSHOT_HEADERS_MAX) {
                diag_error(d, b->entry[i].at,
                           "backends: headers: %s is one more than the %d "
                           "fields that routes can look at",
                           name, SNAPSHOT_HEADERS_MAX);
                good = false;
            }
        }
    texts_clear(&names);
    return good;
}

bool backends_read(const char *file, struct str text, struct backends *out, struct diag *d)
{
    const struct document_node *given[KEYS_MAX];
    struct reader r = {.config = NULL, .d = d, .source = CONFIG_FILE, .name = file};
    struct document_node *top = document_read(file, text.data, text.len, d);
    *out = (struct backends){.n = 0};
    if (top == NULL)
        return false;
    bool good = keys_collect(&r, &top_keys, top, given);
    if (good && (given[0]->kind != DOCUMENT_MAPPING || given[0]->first == NULL))
        good = reader_unfit(&r, given[0], "backends", "names, and below them hosts");
    for (const struct document_node *n = good ? given[0]->first : NULL; n != NULL; n = n->next)
        good = read_backend(&r, n, out) && good;
    document_free(top);
    return good && check_fields(out, d);
}

void backends_release(struct backends *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct backends_entry *e = &b->entry[i];
        free(e->name);
        free(e->url);
        texts_clear(&e->paths);
        free(e->clients.prefix);
        for (size_t f = 0; f < e->n_fields; f++) {
            free(e->fields[f].name);
            texts_clear(&e->fields[f].values);
        }
        free(e->fields);
    }
    free(b->entry);
    *b = (struct backends){.n = 0};
}

bool backends_is_conditional(const struct backends_entry *e)
{
    return e->paths.n > 0 || e->clients.n > 0 || e->n_fields > 0;
}
