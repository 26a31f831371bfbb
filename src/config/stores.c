#include "config/stores.h"

#include "base/name.h"
#include "config/value.h"
#include "sys/xalloc.h"
#include <archeio/snapshot.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, URL, SERVES, INDEX };

static const struct keys_key keys[] = {
    {"name", "what metrics, logs and explain call it", true},
    {"url", "a blob lies at URL/containers/images/DIGEST", true},
    {"serves", "CLOUD/REGION, CLOUD or default; [] if only routes name it", true},
    {"index", "true: believe the set of digests that geranos publishes there", false},
};

const struct keys stores_keys = {"stores", "store", keys, sizeof(keys) / sizeof(keys[0])};

static bool read_name(struct reader *r, const struct document_node *node, struct config_store *s)
{
    if (!reader_scalar(r, node, "stores: name", "a word"))
        return false;
    const char *expected = name_check(str_from(node->text));
    if (expected == NULL) {
        s->name = xalloc_text(node->text);
        return true;
    }
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, "stores: name", "%s is no name; expected %s", document_show(node, shown),
                 expected);
    return false;
}

/* The URL without slashes at its end (free() it), or NULL and an error. */
static char *read_url(struct reader *r, const struct document_node *node)
{
    if (!reader_scalar(r, node, "stores: url", "an absolute http or https URL"))
        return NULL;
    struct str url = value_trim_end(str_from(node->text));
    const char *expected = value_base_url(url);
    if (expected == NULL)
        return xalloc_copy(url.data, url.len);
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, "stores: url", "%s is no URL of a store; expected %s",
                 document_show(node, shown), expected);
    return NULL;
}

static bool read_index(struct reader *r, const struct document_node *node, struct config_store *s)
{
    static const char expected[] = "true or false";
    if (!reader_scalar(r, node, "stores: index", expected))
        return false;
    s->index = node->plain && strcmp(node->text, "true") == 0;
    if (s->index || (node->plain && strcmp(node->text, "false") == 0))
        return true;
    return reader_unfit(r, node, "stores: index", expected);
}

static bool read_store(struct reader *r, const struct document_node *node, struct config_store *s)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &stores_keys, node, given);
    s->origin = reader_origin(r, node);
    if (given[NAME] != NULL)
        good = read_name(r, given[NAME], s) && good;
    if (given[URL] != NULL) {
        s->url = read_url(r, given[URL]);
        good = s->url != NULL && good;
    }
    if (given[INDEX] != NULL)
        good = read_index(r, given[INDEX], s) && good;
    if (given[SERVES] != NULL)
        good = reader_places(r, given[SERVES], "stores: serves", &s->serves, &s->n_serves) && good;
    return good;
}

static bool name_is_new(struct reader *r, const struct config *c, const struct document_node *node)
{
    const struct config_store *last = &c->stores[c->n_stores - 1];
    for (const struct config_store *s = c->stores; s < last && last->name != NULL; s++) {
        if (s->name == NULL || strcmp(s->name, last->name) != 0)
            continue;
        reader_error(r, node, "stores", "the name \"%s\" is taken by the store in line %u", s->name,
                     s->origin.line);
        return false;
    }
    return true;
}

bool stores_read(struct reader *r, const struct document_node *list)
{
    struct config *c = r->config;
    bool good = true;
    if (list->kind != DOCUMENT_LIST) {
        char shown[DOCUMENT_SHOWN_MAX];
        reader_error(r, list, "stores", "expected a list of stores (\"- name: ...\"), got %s",
                     document_show(list, shown));
        return false;
    }
    stores_free(c->stores, c->n_stores);
    c->stores = NULL;
    c->n_stores = 0;
    for (const struct document_node *n = list->first; n != NULL; n = n->next) {
        if (c->n_stores == SNAPSHOT_STORES_MAX) {
            reader_error(r, n, "stores", "more than %d stores", SNAPSHOT_STORES_MAX);
            return false;
        }
        c->stores = xalloc_grow(c->stores, c->n_stores, sizeof(*c->stores));
        c->stores[c->n_stores++] = (struct config_store){0};
        good = read_store(r, n, &c->stores[c->n_stores - 1]) && good;
        good = name_is_new(r, c, n) && good;
    }
    return good;
}

static bool serves_default(const struct config_store *s)
{
    for (size_t i = 0; i < s->n_serves; i++)
        if (s->serves[i].cloud[0] == '\0')
            return true;
    return false;
}

bool stores_replace_default(struct reader *r, const struct document_node *node)
{
    struct config *c = r->config;
    char *url = read_url(r, node);
    if (url == NULL)
        return false;
    for (size_t i = 0; i < c->n_stores; i++) {
        if (!serves_default(&c->stores[i]))
            continue;
        free(c->stores[i].url);
        c->stores[i].url = url;
        c->stores[i].origin = reader_origin(r, node);
        return true;
    }
    free(url);
    diag_warning(r->d, (struct diag_at){0}, "%s has no effect: no store serves \"default\"",
                 r->name);
    return true;
}

const struct config_store *stores_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_stores; i++)
        if (strcmp(c->stores[i].name, name) == 0)
            return &c->stores[i];
    return NULL;
}

void stores_free(struct config_store *stores, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(stores[i].name);
        free(stores[i].url);
        reader_free_places(stores[i].serves, stores[i].n_serves);
    }
    free(stores);
}
