#include "config/providers.h"

#include "base/name.h"
#include "config/asns.h"
#include "config/texts.h"
#include "sys/xalloc.h"

#include <stdlib.h>
#include <string.h>

static const struct texts_rule rule = {
    "providers", "a list of clouds and autonomous systems such as [aws, as64500]", NULL, false};

static bool read_member(struct reader *r, const struct document_node *node, void *context)
{
    struct config_provider *p = context;
    struct str text = str_from(node->text);
    if (asns_is_number(text))
        return asns_add(r, node, "providers", &p->asns);
    if (name_check(text) != NULL)
        return reader_unfit(r, node, rule.label, rule.expected);
    if (texts_have(&p->clouds, node->text)) {
        reader_error(r, node, "providers", "\"%s\" is listed twice", node->text);
        return false;
    }
    texts_add_at(&p->clouds, text, reader_origin(r, node));
    return true;
}

static bool read_provider(struct reader *r, const struct document_node *node)
{
    struct config *c = r->config;
    struct config_provider *p = &c->providers[c->n_providers - 1];
    const char *expected = name_check(str_from(node->key));
    struct diag_at at = {r->name, node->key_line, node->key_column};
    *p = (struct config_provider){
        .name = xalloc_text(node->key),
        .origin = {r->source, r->name, node->key_line, node->key_column},
    };
    if (expected != NULL) {
        diag_error(r->d, at, "providers: \"%.64s\" is no name; expected %s", node->key, expected);
        return false;
    }
    for (size_t i = 0; i + 1 < c->n_providers; i++)
        if (strcmp(c->providers[i].name, p->name) == 0) {
            diag_error(r->d, at, "providers: \"%s\" is given twice; first in line %u", p->name,
                       c->providers[i].origin.line);
            return false;
        }
    return texts_for_each(r, node, &rule, read_member, p);
}

bool providers_read(struct reader *r, const struct document_node *map)
{
    struct config *c = r->config;
    bool good = true;
    providers_clear(c);
    if (map->kind != DOCUMENT_MAPPING)
        return reader_unfit(r, map, "providers", "a mapping (\"name: [aws, as64500]\")");
    for (const struct document_node *n = map->first; n != NULL; n = n->next) {
        if (c->n_providers == PROVIDERS_MAX)
            return reader_unfit(r, n, "providers", "at most 4096 providers");
        c->providers = xalloc_grow(c->providers, c->n_providers, sizeof(*c->providers));
        c->n_providers++;
        good = read_provider(r, n) && good;
    }
    return good;
}

const struct config_provider *providers_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_providers; i++)
        if (strcmp(c->providers[i].name, name) == 0)
            return &c->providers[i];
    return NULL;
}

static bool has_cloud(const struct config_provider *p, struct str cloud)
{
    for (size_t i = 0; i < p->clouds.n; i++)
        if (str_eq(str_from(p->clouds.text[i]), cloud))
            return true;
    return false;
}

bool providers_have(const struct config *c, const struct config_provider *p, struct str cloud,
                    uint32_t asn)
{
    for (size_t i = 0; i < c->n_providers; i++)
        if (has_cloud(&c->providers[i], cloud))
            return has_cloud(p, cloud);
    for (size_t i = 0; asn != 0 && i < p->asns.n; i++)
        if (p->asns.number[i] == asn)
            return true;
    return false;
}

void providers_clear(struct config *c)
{
    for (size_t i = 0; i < c->n_providers; i++) {
        free(c->providers[i].name);
        texts_clear(&c->providers[i].clouds);
        free(c->providers[i].asns.number);
    }
    free(c->providers);
    c->providers = NULL;
    c->n_providers = 0;
}
