#include "config/upstreams.h"

#include "base/name.h"
#include "config/to.h"
#include "config/value.h"
#include "sys/xalloc.h"

#include <archeio/snapshot.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, ENDPOINT, PATH };

static const struct keys_key keys[] = {
    {"name", "what routes, metrics and explain call it", true},
    {"endpoint", "its URL", true},
    {"path", "repository segments in front of every name there", false},
};

const struct keys upstreams_keys = {"upstreams", "registry", keys, sizeof(keys) / sizeof(keys[0])};

/* A text that fits, without the slashes that may stand around it (free() it), or NULL and an error.
 */
static char *read_text(struct reader *r, const struct document_node *node, const char *label,
                       struct str (*trim)(struct str), const char *(*check)(struct str))
{
    if (!reader_scalar(r, node, label, "a text"))
        return NULL;
    struct str text = trim(str_from(node->text));
    const char *expected = check(text);
    if (expected == NULL)
        return xalloc_copy(text.data, text.len);
    reader_unfit(r, node, label, expected);
    return NULL;
}

static struct str as_it_is(struct str s)
{
    return s;
}

static bool name_is_free(struct reader *r, const struct document_node *node,
                         const struct config_named_upstream *u)
{
    const struct config *c = r->config;
    if (strcmp(u->name, UPSTREAMS_OWN) == 0) {
        reader_error(r, node, "upstreams: name",
                     "\"" UPSTREAMS_OWN "\" is the registry of upstream.endpoint; take another");
        return false;
    }
    if (strcmp(u->name, TO_STORES) == 0) {
        reader_error(r, node, "upstreams: name",
                     "\"" TO_STORES "\" are those that serve the client's network; take another");
        return false;
    }
    for (size_t i = 0; i + 1 < c->n_upstreams; i++) {
        if (c->upstreams[i].name == NULL || strcmp(c->upstreams[i].name, u->name) != 0)
            continue;
        reader_error(r, node, "upstreams: name", "\"%s\" is taken by the registry in line %u",
                     u->name, c->upstreams[i].origin.line);
        return false;
    }
    return true;
}

static bool read_upstream(struct reader *r, const struct document_node *node,
                          struct config_named_upstream *u)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &upstreams_keys, node, given);
    u->origin = reader_origin(r, node);
    if (given[NAME] != NULL) {
        u->name = read_text(r, given[NAME], "upstreams: name", as_it_is, name_check);
        good = u->name != NULL && name_is_free(r, given[NAME], u) && good;
    }
    if (given[ENDPOINT] != NULL) {
        u->endpoint =
            read_text(r, given[ENDPOINT], "upstreams: endpoint", value_trim_end, value_base_url);
        good = u->endpoint != NULL && good;
    }
    u->path = given[PATH] != NULL
                  ? read_text(r, given[PATH], "upstreams: path", value_trim, value_path)
                  : xalloc_text("");
    return u->path != NULL && good;
}

bool upstreams_read(struct reader *r, const struct document_node *list)
{
    struct config *c = r->config;
    bool good = reader_list(r, list, "upstreams", "a list of registries (\"- name: ...\")");
    upstreams_clear(c);
    for (const struct document_node *n = list->first; n != NULL && list->kind == DOCUMENT_LIST;
         n = n->next) {
        if (c->n_upstreams == SNAPSHOT_UPSTREAMS_MAX - 1) /* and that of upstream.endpoint */
            return reader_unfit(r, n, "upstreams", "at most 255 registries");
        c->upstreams = xalloc_grow(c->upstreams, c->n_upstreams, sizeof(*c->upstreams));
        c->upstreams[c->n_upstreams++] = (struct config_named_upstream){.name = NULL};
        good = read_upstream(r, n, &c->upstreams[c->n_upstreams - 1]) && good;
    }
    return good;
}

void upstreams_clear(struct config *c)
{
    for (size_t i = 0; i < c->n_upstreams; i++) {
        free(c->upstreams[i].name);
        free(c->upstreams[i].endpoint);
        free(c->upstreams[i].path);
    }
    free(c->upstreams);
    c->upstreams = NULL;
    c->n_upstreams = 0;
}
