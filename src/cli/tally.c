#include "cli/tally.h"

#include "policy/image.h"
#include "sys/xalloc.h"
#include <stdlib.h>

struct str tally_text(const struct tally *t, size_t i)
{
    return str_make(t->memory[t->entry[i].slot], t->entry[i].len);
}

static struct tally_entry *find(const struct tally *t, struct str text, uint32_t hash)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->entry[i].hash == hash && str_eq(tally_text(t, i), text))
            return &t->entry[i];
    return NULL;
}

static struct tally_entry *least(const struct tally *t)
{
    struct tally_entry *least = t->entry;
    for (size_t i = 1; i < t->n; i++)
        if (t->entry[i].count < least->count)
            least = &t->entry[i];
    return least;
}

/* A new one, or the one in whose place it comes. */
static struct tally_entry *take(struct tally *t)
{
    if (t->entry == NULL) {
        t->entry = xalloc_zero(TALLY_MAX, sizeof(*t->entry));
        t->memory = xalloc_zero(TALLY_MAX, TALLY_TEXT_MAX);
    }
    if (t->n < TALLY_MAX) {
        t->entry[t->n].slot = (uint16_t)t->n;
        return &t->entry[t->n++];
    }
    t->full = true;
    return least(t);
}

void tally_add(struct tally *t, struct str text)
{
    if (text.len > TALLY_TEXT_MAX)
        text.len = TALLY_TEXT_MAX;
    const uint32_t hash = (uint32_t)image_hash(text.data, text.len, 0);
    struct tally_entry *e = find(t, text, hash);
    if (e == NULL) {
        e = take(t);
        e->over = e->count;
        e->hash = hash;
        e->len = (uint16_t)text.len;
        if (text.len > 0)
            memcpy(t->memory[e->slot], text.data, text.len);
    }
    e->count++;
}

static int by_count(const void *a, const void *b)
{
    const struct tally_entry *x = a, *y = b;
    return (y->count > x->count) - (y->count < x->count);
}

void tally_sort(struct tally *t)
{
    if (t->n > 0)
        qsort(t->entry, t->n, sizeof(*t->entry), by_count);
}

void tally_release(struct tally *t)
{
    free(t->entry);
    free(t->memory);
    *t = (struct tally){.n = 0};
}
