#include "ranges/set.h"

#include "sys/xalloc.h"
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    SLOTS = 2 * (SET_PLACES_MAX + 1), /* a power of two, never more than half full */
    FILES_MAX = 1024,
};

struct set *set_new(void)
{
    struct set *s = xalloc_zero(1, sizeof(*s));
    s->slot = xalloc_zero(SLOTS, sizeof(*s->slot));
    return s;
}

static void free_file(struct ranges_file *f)
{
    free(f->name);
    free(f->cloud);
}

void set_free(struct set *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_places; i++)
        free(s->place[i].text);
    for (size_t i = 0; i < s->n_files; i++)
        free_file(&s->file[i]);
    free(s->entry);
    free(s->place);
    free(s->file);
    free(s->slot);
    free(s);
}

bool set_begin(struct set *s, const char *name, bool own, struct set_mark *mark)
{
    if (s->n_files == FILES_MAX)
        return false;
    *mark = (struct set_mark){s->n_entries, s->n_places};
    s->file = xalloc_grow(s->file, s->n_files, sizeof(*s->file));
    s->file[s->n_files++] = (struct ranges_file){.name = xalloc_text(name)};
    s->own = own;
    return true;
}

struct ranges_file *set_file(struct set *s)
{
    return &s->file[s->n_files - 1];
}

/* Where the place stands in the hash table, or would. */
static size_t find_slot(const struct set *s, struct str cloud, struct str region)
{
    size_t at =
        XXH3_64bits_withSeed(region.data, region.len, XXH3_64bits(cloud.data, cloud.len)) % SLOTS;
    while (s->slot[at] != 0) {
        const struct set_place *p = &s->place[s->slot[at] - 1];
        if (str_eq(p->cloud, cloud) && str_eq(p->region, region))
            break;
        at = (at + 1) % SLOTS;
    }
    return at;
}

void set_undo(struct set *s, const struct set_mark *mark)
{
    s->n_entries = mark->n_entries;
    while (s->n_places > mark->n_places)
        free(s->place[--s->n_places].text);
    free_file(&s->file[--s->n_files]);
    memset(s->slot, 0, SLOTS * sizeof(*s->slot));
    for (size_t i = 0; i < s->n_places; i++)
        s->slot[find_slot(s, s->place[i].cloud, s->place[i].region)] = (uint16_t)(i + 1);
}

static void add_place(struct set *s, struct str cloud, struct str region)
{
    char *text = xalloc_zero(cloud.len + region.len + 1, 1);
    memcpy(text, cloud.data, cloud.len);
    if (region.len > 0)
        memcpy(text + cloud.len, region.data, region.len);
    s->place = xalloc_grow(s->place, s->n_places, sizeof(*s->place));
    s->place[s->n_places++] =
        (struct set_place){text, str_make(text, cloud.len), str_make(text + cloud.len, region.len)};
}

const char *set_add(struct set *s, const struct prefix *prefix, struct str cloud, struct str region)
{
    if (s->n_entries == LPM_PREFIXES_MAX)
        return "there are too many prefixes, the table holds 1000000";
    size_t slot = find_slot(s, cloud, region);
    if (s->slot[slot] == 0) {
        if (s->n_places == SET_PLACES_MAX)
            return "there are too many clouds and regions, the table holds 16383";
        add_place(s, cloud, region);
        s->slot[slot] = (uint16_t)s->n_places;
    }
    s->entry = xalloc_grow(s->entry, s->n_entries, sizeof(*s->entry));
    s->entry[s->n_entries] = (struct set_entry){
        .prefix = *prefix,
        .rank = (uint8_t)((region.len == 0 ? 2 : 0) + (s->own ? 0 : 1)),
        .place = (uint16_t)(s->slot[slot] - 1),
        .file = (uint16_t)(s->n_files - 1),
        .order = (uint32_t)s->n_entries,
    };
    s->n_entries++;
    return NULL;
}

static int compare_entries(const void *a, const void *b)
{
    const struct set_entry *x = a, *y = b;
    int order = prefix_compare(&x->prefix, &y->prefix);
    if (order != 0)
        return order;
    if (x->rank != y->rank)
        return (int)x->rank - (int)y->rank;
    return x->order < y->order ? -1 : 1;
}

/* The first of those with one prefix counts; what the others say is only counted. */
static void take_entries(struct set *s, struct ranges *r)
{
    const struct set_entry *winner = NULL;
    for (size_t i = 0; i < s->n_entries; i++) {
        const struct set_entry *e = &s->entry[i];
        if (winner != NULL && prefix_compare(&winner->prefix, &e->prefix) == 0) {
            if (e->place == winner->place)
                s->file[e->file].duplicates++;
            else
                s->file[e->file].conflicts++;
            continue;
        }
        winner = e;
        s->file[e->file].prefixes++;
        r->range[r->n_ranges++] = (struct ranges_range){e->prefix, e->place};
    }
}

static void take_places(const struct set *s, struct ranges *r)
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < s->n_places; i++)
        size += s->place[i].cloud.len + s->place[i].region.len;
    r->text = xalloc_zero(size, 1);
    r->place = xalloc_zero(s->n_places, sizeof(*r->place));
    r->n_places = s->n_places;
    for (size_t i = 0; i < s->n_places; i++) {
        const struct set_place *p = &s->place[i];
        char *text = r->text + at;
        size_t len = p->cloud.len + p->region.len;
        memcpy(text, p->text, len);
        r->place[i] = (struct policy_place){str_make(text, p->cloud.len),
                                            str_make(text + p->cloud.len, p->region.len)};
        at += len;
    }
}

struct ranges *set_finish(struct set *s)
{
    struct ranges *r = xalloc_zero(1, sizeof(*r));
    if (s->n_entries > 0)
        qsort(s->entry, s->n_entries, sizeof(*s->entry), compare_entries);
    r->range = xalloc_zero(s->n_entries, sizeof(*r->range));
    take_entries(s, r);
    take_places(s, r);
    r->file = s->file;
    r->n_files = s->n_files;
    s->file = NULL;
    s->n_files = 0;
    set_free(s);
    return r;
}
