#include "cli/diff_networks.h"

#include "cli/diff_moves.h"
#include "cli/partition.h"
#include "cli/printable.h"
#include "policy/image.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define MOVES_SHOWN 50
#define PLACES_SHOWN 10
#define PREFIXES_SHOWN 3
#define MAP_MIN 64

/* ── A map of numbers ── */

struct map_entry {
    uint64_t key;
    uint32_t value;
    bool used;
};

struct map {
    struct map_entry *entry;
    size_t size; /* a power of two, or 0 */
    size_t n;
};

static struct map_entry *map_at(const struct map *m, uint64_t key)
{
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->size - 1);
    while (m->entry[at].used && m->entry[at].key != key)
        at = (at + 1) & (m->size - 1);
    return &m->entry[at];
}

static void map_grow(struct map *m)
{
    struct map bigger = {.size = m->size > 0 ? 2 * m->size : MAP_MIN, .n = m->n};
    bigger.entry = xalloc_zero(bigger.size, sizeof(*bigger.entry));
    for (size_t i = 0; i < m->size; i++)
        if (m->entry[i].used)
            *map_at(&bigger, m->entry[i].key) = m->entry[i];
    free(m->entry);
    *m = bigger;
}

/* The value of a pair; *is_new: it has none yet. */
static uint32_t *map_find(struct map *m, uint32_t a, uint32_t b, bool *is_new)
{
    const uint64_t key = (uint64_t)a << 32 | b;
    if (2 * m->n >= m->size)
        map_grow(m);
    struct map_entry *e = map_at(m, key);
    *is_new = !e->used;
    if (!e->used) {
        *e = (struct map_entry){.key = key, .used = true};
        m->n++;
    }
    return &e->value;
}

/* ── Networks ── */

/* Clients of a place for whom the same moves. */
struct place {
    char *name; /* owned */
    uint32_t moves;
    uint32_t prefixes;
    uint64_t v4; /* addresses */
    struct prefix first[PREFIXES_SHOWN];
};

struct piece {
    struct prefix prefix;
    uint32_t place;
};

struct study {
    const struct snapshot *before;
    const struct snapshot *after;
    struct diff_moves *moves;
    uint32_t *behaviour[2];   /* of each network of the two */
    struct map of_behaviours; /* pairs of them: what moves */
    struct map of_networks;   /* pairs of networks: a place and 1, or 0 */
    struct place *place;
    size_t n_places;
    struct piece *piece;
    size_t n_pieces;
    bool all; /* no client is answered as before */
};

/* Do clients of the two networks get the same answers, but for shares? */
static int compare_behaviour(const void *a, const void *b, void *context)
{
    const struct snapshot *s = *(const struct snapshot **)context;
    const struct image_network *x = &s->networks[*(const uint32_t *)a];
    const struct image_network *y = &s->networks[*(const uint32_t *)b];
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->flags != y->flags)
        return x->flags < y->flags ? -1 : 1;
    if (x->n_candidates != y->n_candidates)
        return x->n_candidates < y->n_candidates ? -1 : 1;
    return x->n_candidates == 0
               ? 0
               : memcmp(s->candidates + x->candidates, s->candidates + y->candidates,
                        x->n_candidates * sizeof(*s->candidates));
}

static uint32_t *tell_behaviours(const struct snapshot *s)
{
    uint32_t *order = xalloc_zero(s->n_networks, sizeof(*order));
    uint32_t *behaviour = xalloc_zero(s->n_networks, sizeof(*behaviour));
    for (uint32_t i = 0; i < s->n_networks; i++)
        order[i] = i;
    qsort_r(order, s->n_networks, sizeof(*order), compare_behaviour, &s);
    for (uint32_t i = 1; i < s->n_networks; i++)
        behaviour[order[i]] = behaviour[order[i - 1]] +
                              (compare_behaviour(&order[i - 1], &order[i], &s) != 0 ? 1 : 0);
    free(order);
    return behaviour;
}

/* free() it. */
static char *name_both(const struct study *s, uint32_t before, uint32_t after)
{
    struct comparison_words from = {.len = 0}, to = {.len = 0};
    comparison_say_network(s->before, before, &from);
    comparison_say_network(s->after, after, &to);
    return strcmp(from.text, to.text) == 0 ? xalloc_text(to.text)
                                           : xalloc_format("%s -> %s", from.text, to.text);
}

static uint32_t find_place(struct study *s, uint32_t moves, char *name)
{
    size_t i = 0;
    while (i < s->n_places && (s->place[i].moves != moves || strcmp(s->place[i].name, name) != 0))
        i++;
    if (i < s->n_places) {
        free(name);
        return (uint32_t)i;
    }
    s->place = xalloc_grow(s->place, s->n_places, sizeof(*s->place));
    s->place[s->n_places++] = (struct place){.name = name, .moves = moves};
    return (uint32_t)i;
}

/* For partition_walk(): 0 if nothing moves, else a place and 1. */
static uint32_t key_of(void *context, const struct addr *client, uint32_t before, uint32_t after)
{
    struct study *s = context;
    bool is_new;
    uint32_t *key = map_find(&s->of_networks, before, after, &is_new);
    if (!is_new)
        return *key;
    uint32_t *moves =
        map_find(&s->of_behaviours, s->behaviour[0][before], s->behaviour[1][after], &is_new);
    if (is_new)
        *moves = diff_moves_of(s->moves, client);
    if (*moves != DIFF_MOVES_NONE)
        *key = find_place(s, *moves, name_both(s, before, after)) + 1;
    return *key;
}

static void take_piece(void *context, const struct prefix *prefix, uint32_t key)
{
    struct study *s = context;
    if (key == 0) {
        s->all = false;
        return;
    }
    s->piece = xalloc_grow(s->piece, s->n_pieces, sizeof(*s->piece));
    s->piece[s->n_pieces++] = (struct piece){*prefix, key - 1};
}

static int by_prefix(const void *a, const void *b)
{
    return prefix_compare(&((const struct piece *)a)->prefix, &((const struct piece *)b)->prefix);
}

static void add_up(struct study *s)
{
    if (s->n_pieces > 0)
        qsort(s->piece, s->n_pieces, sizeof(*s->piece), by_prefix);
    for (size_t i = 0; i < s->n_pieces; i++) {
        const struct prefix *prefix = &s->piece[i].prefix;
        struct place *place = &s->place[s->piece[i].place];
        if (place->prefixes < PREFIXES_SHOWN)
            place->first[place->prefixes] = *prefix;
        place->prefixes++;
        if (prefix->addr.family == ADDR_V4)
            place->v4 += UINT64_C(1) << (32 - prefix->bits);
    }
}

/* ── For people ── */

static void print_place(const struct place *p, FILE *to)
{
    fputs("      ", to);
    printable_put(str_from(p->name), to);
    fprintf(to, ": %u prefix%s", (unsigned)p->prefixes, p->prefixes == 1 ? "" : "es");
    for (uint32_t i = 0; i < p->prefixes && i < PREFIXES_SHOWN; i++) {
        char text[PREFIX_TEXT_MAX];
        prefix_format(&p->first[i], text);
        fprintf(to, "%s%s", i == 0 ? " (" : ", ", text);
    }
    fputs(p->prefixes > PREFIXES_SHOWN ? ", ...)\n" : ")\n", to);
}

static int by_prefixes(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (y->prefixes > x->prefixes) - (y->prefixes < x->prefixes);
}

static void print_extent(size_t networks, uint64_t prefixes, uint64_t v4, FILE *to)
{
    const double percent = 100.0 * (double)v4 / 4294967296.0;
    fprintf(to, "    for clients in %zu network%s, %llu prefix%s, ", networks,
            networks == 1 ? "" : "s", (unsigned long long)prefixes, prefixes == 1 ? "" : "es");
    if (percent < 0.01)
        fputs("less than 0.01% of all IPv4 addresses:\n", to);
    else
        fprintf(to, "%.2f%% of all IPv4 addresses:\n", percent);
}

/* For whom something moves. */
static void print_clients(const struct study *s, size_t move, FILE *to)
{
    uint64_t v4 = 0, prefixes = 0;
    size_t n = 0, shown = 0;
    for (size_t i = 0; i < s->n_places; i++) {
        if (!diff_moves_have(s->moves, s->place[i].moves, move))
            continue;
        n++;
        v4 += s->place[i].v4;
        prefixes += s->place[i].prefixes;
    }
    if (s->all && n == s->n_places) {
        fputs("    for all clients\n", to);
        return;
    }
    print_extent(n, prefixes, v4, to);
    for (size_t i = 0; i < s->n_places && shown < PLACES_SHOWN; i++) {
        if (!diff_moves_have(s->moves, s->place[i].moves, move))
            continue;
        print_place(&s->place[i], to);
        shown++;
    }
    if (n > shown)
        fprintf(to, "      and %zu more\n", n - shown);
}

static void print(struct study *s, FILE *to)
{
    const size_t n = diff_moves_count(s->moves);
    qsort(s->place, s->n_places, sizeof(*s->place), by_prefixes);
    for (size_t i = 0; i < n && i < MOVES_SHOWN; i++) {
        diff_moves_print(s->moves, i, to);
        print_clients(s, i, to);
        fputc('\n', to);
    }
    if (n > MOVES_SHOWN)
        fprintf(to, "And %zu other moves.\n\n", n - MOVES_SHOWN);
}

static void release(struct study *s)
{
    for (size_t i = 0; i < s->n_places; i++)
        free(s->place[i].name);
    free(s->place);
    free(s->piece);
    free(s->of_networks.entry);
    free(s->of_behaviours.entry);
    free(s->behaviour[0]);
    free(s->behaviour[1]);
    diff_moves_free(s->moves);
}

bool diff_networks_print(const struct snapshot *before, const struct snapshot *after, FILE *to)
{
    struct study s = {
        .before = before,
        .after = after,
        .moves = diff_moves_new(before, after),
        .behaviour = {tell_behaviours(before), tell_behaviours(after)},
        .all = true,
    };
    const struct partition p = {before, after, key_of, take_piece, &s};
    partition_walk(&p);
    add_up(&s);
    bool differs = s.n_places > 0;
    if (differs)
        print(&s, to);
    release(&s);
    return differs;
}
