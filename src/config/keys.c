#include "config/keys.h"

#include <stdio.h>
#include <string.h>

#define LISTED_MAX 128

static size_t find_key(const struct keys *keys, const char *name)
{
    size_t i = 0;
    while (i < keys->n && strcmp(keys->key[i].name, name) != 0)
        i++;
    return i;
}

/* "name, url and serves". */
static const char *list(const struct keys *keys, char out[LISTED_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < keys->n && len < LISTED_MAX; i++) {
        const char *between = i == 0 ? "" : i + 1 == keys->n ? " and " : ", ";
        int n = snprintf(out + len, LISTED_MAX - len, "%s%s", between, keys->key[i].name);
        len += n > 0 ? (size_t)n : 0;
    }
    return out;
}

static void unknown_key(struct reader *r, const struct keys *keys, const struct document_node *node)
{
    const char *names[KEYS_MAX];
    char listed[LISTED_MAX];
    for (size_t i = 0; i < keys->n; i++)
        names[i] = keys->key[i].name;
    const char *nearest = diag_nearest(node->key, names, keys->n);
    struct diag_at at = {r->name, node->key_line, node->key_column};
    diag_error(r->d, at, "%s: unknown key \"%.64s\"; %s%s%s", keys->label, node->key,
               nearest != NULL ? "did you mean \"" : "expected ",
               nearest != NULL ? nearest : list(keys, listed), nearest != NULL ? "\"?" : "");
}

static bool have_required(struct reader *r, const struct keys *keys,
                          const struct document_node *map,
                          const struct document_node *const given[KEYS_MAX])
{
    bool good = true;
    for (size_t i = 0; i < keys->n; i++) {
        const struct keys_key *key = &keys->key[i];
        if (given[i] != NULL || !key->required)
            continue;
        reader_error(r, map, keys->label, "a %s without %s; expected \"%s: ...\" (%s)", keys->thing,
                     key->name, key->name, key->help);
        good = false;
    }
    return good;
}

bool keys_collect(struct reader *r, const struct keys *keys, const struct document_node *node,
                  const struct document_node *given[KEYS_MAX])
{
    bool good = true;
    memset(given, 0, KEYS_MAX * sizeof(given[0]));
    if (node->kind != DOCUMENT_MAPPING) {
        char shown[DOCUMENT_SHOWN_MAX], listed[LISTED_MAX];
        reader_error(r, node, keys->label, "expected a %s (%s), got %s", keys->thing,
                     list(keys, listed), document_show(node, shown));
        return false;
    }
    for (const struct document_node *n = node->first; n != NULL; n = n->next) {
        size_t i = find_key(keys, n->key);
        struct diag_at at = {r->name, n->key_line, n->key_column};
        if (i == keys->n) {
            unknown_key(r, keys, n);
            good = false;
        } else if (given[i] != NULL) {
            diag_error(r->d, at, "%s: %s is given twice in one %s; first in line %u", keys->label,
                       n->key, keys->thing, given[i]->key_line);
            good = false;
        } else {
            given[i] = n;
        }
    }
    return have_required(r, keys, node, given) && good;
}
