#include "mirror/kept_names.h"

#include <stdlib.h>

#define BYTES_MAX (16 << 20) /* of one listing */
#define ROOM 4096

bool kept_names_add(struct kept_names *n, char kind, struct str name)
{
    size_t need = n->len + name.len + 2;
    if (need > BYTES_MAX)
        return false;
    if (need > n->size) {
        size_t size = need > 2 * n->size ? need + ROOM : 2 * n->size;
        char *text = realloc(n->text, size);
        if (text == NULL)
            return false;
        n->text = text;
        n->size = size;
    }
    n->text[n->len] = kind;
    memcpy(n->text + n->len + 1, name.data, name.len);
    n->text[need - 1] = '\0';
    n->len = need;
    return true;
}

bool kept_names_take(struct kept_names *n, char *kind, struct str *name)
{
    if (n->at == n->len)
        return false;
    *kind = n->text[n->at];
    *name = str_from(n->text + n->at + 1);
    n->at += name->len + 2;
    return true;
}

void kept_names_clear(struct kept_names *n)
{
    free(n->text);
    *n = (struct kept_names){.text = NULL};
}
