#include "config/to.h"

#include "base/num.h"
#include "config/texts.h"
#include "config/value.h"
#include "sys/xalloc.h"

#include <archeio/snapshot.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 1024

enum { URL, STATUS, BODY };

static const struct keys_key keys[] = {
    {"url", "where to, without user, query and fragment", false},
    {"status", "with a url 301, 302, 307 (the default) or 308; without, 200, 4xx or 503", false},
    {"body", "a line of text, for an answer without a url", false},
};
const struct keys to_keys = {"routes: to", "target", keys, sizeof(keys) / sizeof(keys[0])};

static bool read_status(struct reader *r, const struct document_node *node, bool url,
                        unsigned *status)
{
    uint64_t number;
    const char *expected = url ? "301, 302, 307 or 308"
                               : "200, 503, or one from 400 to 499 (for a redirect, give a url)";
    if (!reader_scalar(r, node, "routes: to: status", expected))
        return false;
    if (!num_parse(str_from(node->text), 999, &number) ||
        !(url ? snapshot_status_redirects(number) : snapshot_status_answers(number)))
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
    t->body = xalloc_text(node->text);
    return true;
}

/* {url: ..., status: 302}, or {status: 404, body: ...}. */
static bool read_mapping(struct reader *r, const struct document_node *node,
                         struct config_target *t)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &to_keys, node, given), url = given[URL] != NULL;
    if (!good)
        return false;
    if (!url && given[STATUS] == NULL) {
        reader_error(r, node, "routes: to", "expected url or status among the keys of a target");
        return false;
    }
    if (url && given[BODY] != NULL)
        return reader_unfit(r, given[BODY], "routes: to: body", "none beside a url");
    t->status = 307;
    if (url)
        good = read_url(r, given[URL], t);
    if (given[STATUS] != NULL)
        good = read_status(r, given[STATUS], url, &t->status) && good;
    if (given[BODY] != NULL)
        good = read_body(r, given[BODY], t) && good;
    else if (!url)
        t->body = xalloc_text("");
    return good;
}

static bool name_is_new(struct reader *r, const struct document_node *node,
                        const struct config_route *route)
{
    for (size_t i = 0; i + 1 < route->n_to; i++) {
        if (route->to[i].name == NULL || strcmp(route->to[i].name, node->text) != 0)
            continue;
        reader_error(r, node, "routes: to", "\"%.64s\" is listed twice", node->text);
        return false;
    }
    return true;
}

static bool read_target(struct reader *r, const struct document_node *node,
                        struct config_route *route)
{
    route->to = xalloc_grow(route->to, route->n_to, sizeof(*route->to));
    struct config_target *t = &route->to[route->n_to++];
    *t = (struct config_target){.origin = reader_origin(r, node)};
    if (node->kind == DOCUMENT_MAPPING)
        return read_mapping(r, node, t);
    if (!reader_scalar(r, node, "routes: to", "the name of a store or upstream") ||
        !name_is_new(r, node, route))
        return false;
    t->name = xalloc_text(node->text);
    return true;
}

bool to_read(struct reader *r, const struct document_node *node, struct config_route *route)
{
    bool good = true;
    if (node->kind != DOCUMENT_LIST)
        return read_target(r, node, route);
    if (node->first == NULL)
        return reader_unfit(r, node, "routes: to", "at least one store, upstream, url or status");
    for (const struct document_node *n = node->first; n != NULL; n = n->next) {
        if (route->n_to == TEXTS_MAX)
            return reader_unfit(r, n, "routes: to", "at most 4096 entries");
        good = read_target(r, n, route) && good;
    }
    return good;
}

void to_clear(struct config_route *route)
{
    for (size_t i = 0; i < route->n_to; i++) {
        free(route->to[i].name);
        free(route->to[i].url);
        free(route->to[i].body);
    }
    free(route->to);
    route->to = NULL;
    route->n_to = 0;
}
