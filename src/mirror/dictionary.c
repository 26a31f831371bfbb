#include "mirror/dictionary.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FIRST_SIZE 64

struct dictionary_entry {
    char *name; /* NULL: free */
    size_t len;
    void *value;
};

/* The table is never more than half full, so it has a free entry. */
static size_t place(const struct dictionary *d, struct str name)
{
    size_t i = XXH3_64bits_withSeed(name.data, name.len, d->seed) & (d->size - 1);
    while (d->entry[i].name != NULL && !str_eq(str_make(d->entry[i].name, d->entry[i].len), name))
        i = (i + 1) & (d->size - 1);
    return i;
}

static bool grow(struct dictionary *d)
{
    struct dictionary bigger = *d;
    bigger.size = d->size > 0 ? 2 * d->size : FIRST_SIZE;
    if (d->size == 0 && getrandom(&bigger.seed, sizeof(bigger.seed), 0) != sizeof(bigger.seed))
        return false;
    bigger.entry = calloc(bigger.size, sizeof(*bigger.entry));
    if (bigger.entry == NULL)
        return false;
    for (size_t i = 0; i < d->size; i++)
        if (d->entry[i].name != NULL)
            bigger.entry[place(&bigger, str_make(d->entry[i].name, d->entry[i].len))] = d->entry[i];
    free(d->entry);
    *d = bigger;
    return true;
}

void **dictionary_at(struct dictionary *d, struct str name)
{
    if (2 * (d->n + 1) > d->size && !grow(d))
        return NULL;
    struct dictionary_entry *e = &d->entry[place(d, name)];
    if (e->name != NULL)
        return &e->value;
    e->name = malloc(name.len + 1);
    if (e->name == NULL)
        return NULL;
    if (name.len > 0)
        memcpy(e->name, name.data, name.len);
    e->name[name.len] = '\0';
    e->len = name.len;
    d->n++;
    return &e->value;
}

void *dictionary_find(const struct dictionary *d, struct str name)
{
    return d->size > 0 ? d->entry[place(d, name)].value : NULL;
}

void dictionary_each(const struct dictionary *d,
                     void (*each)(void *owner, struct str name, void *value), void *owner)
{
    for (size_t i = 0; i < d->size; i++)
        if (d->entry[i].name != NULL)
            each(owner, str_make(d->entry[i].name, d->entry[i].len), d->entry[i].value);
}

void dictionary_clear(struct dictionary *d, void (*release)(void *value))
{
    for (size_t i = 0; i < d->size; i++) {
        if (d->entry[i].name != NULL && release != NULL)
            release(d->entry[i].value);
        free(d->entry[i].name);
    }
    free(d->entry);
    *d = (struct dictionary){.n = 0};
}
