#include "cli/diff_moves.h"

#include "cli/printable.h"
#include "policy/image.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define LABELS_SHOWN 6
#define SLOTS_MIN 64

/* Where a route takes a share of the clients, that many variants of a request are tried; and in all
 * at most so many decisions for a client. */
#define VARIANTS_MAX 10000U
#define VARIANTS_MIN 100U
#define DECISIONS_MAX 200000U

/* A specimen that moves. */
struct moved {
    uint32_t specimen;
    uint32_t variants; /* so many ... */
    uint32_t of;       /* ... of these; the same number: all */
};

struct move {
    char *text;    /* "from -> to" */
    uint64_t hash; /* of it */
    struct moved *moved;
    size_t n;
};

/* All moves for some clients: numbers. */
struct list {
    size_t *move;
    size_t n;
};

struct diff_moves {
    struct comparison_side before;
    struct comparison_side after;
    struct specimens specimens;
    struct move *move;
    size_t n_moves;
    size_t *slot;      /* hash table of the moves that are known: number + 1, 0 is free */
    size_t n_slots;    /* a power of two, or 0 */
    struct list *list; /* the first is empty */
    size_t n_lists;
};

struct diff_moves *diff_moves_new(const struct snapshot *before, const struct snapshot *after)
{
    struct diff_moves *m = xalloc_zero(1, sizeof(*m));
    comparison_open(&m->before, before);
    comparison_open(&m->after, after);
    specimens_add(&m->specimens, before);
    specimens_add(&m->specimens, after);
    m->list = xalloc_grow(NULL, 0, sizeof(*m->list));
    m->list[m->n_lists++] = (struct list){.n = 0};
    return m;
}

static void release_move(struct move *move)
{
    free(move->text);
    free(move->moved);
}

void diff_moves_free(struct diff_moves *m)
{
    comparison_close(&m->before);
    comparison_close(&m->after);
    specimens_release(&m->specimens);
    for (size_t i = 0; i < m->n_moves; i++)
        release_move(&m->move[i]);
    for (size_t i = 0; i < m->n_lists; i++)
        free(m->list[i].move);
    free(m->move);
    free(m->slot);
    free(m->list);
    free(m);
}

/* ── One request of a client ── */

/* Takes both decisions to where they differ; false: they do not. */
static bool differ(struct diff_moves *m, const struct specimen *one, const struct addr *client)
{
    comparison_begin(&m->before, &one->request, client);
    comparison_begin(&m->after, &one->request, client);
    return !comparison_all_same(&m->before, &m->after);
}

/* What both try first is left out. free() it. */
static char *name_move(struct diff_moves *m, const struct specimen *one, const struct addr *client)
{
    struct comparison_words from = {.len = 0}, to = {.len = 0};
    for (int exactly = 0; exactly < 2 && strcmp(from.text, to.text) == 0; exactly++) {
        from.len = to.len = 0;
        differ(m, one, client);
        comparison_say_rest(&m->before, exactly == 1, &from);
        comparison_say_rest(&m->after, exactly == 1, &to);
    }
    return xalloc_format("%s -> %s%s", from.text, to.text,
                         strcmp(from.text, to.text) == 0 ? ", by another path" : "");
}

static uint32_t variants(const struct diff_moves *m, const struct specimen *one)
{
    size_t n = DECISIONS_MAX / m->specimens.n;
    if (!m->specimens.shared || one->varies == SPECIMENS_NOWHERE)
        return 1;
    return n > VARIANTS_MAX ? VARIANTS_MAX : n < VARIANTS_MIN ? VARIANTS_MIN : (uint32_t)n;
}

/* Where specimen i moves, as name_move() says it; NULL: it does not. */
static char *try_specimen(struct diff_moves *m, uint32_t i, const struct addr *client,
                          struct moved *out)
{
    struct specimen *one = &m->specimens.one[i];
    char *text = NULL;
    *out = (struct moved){.specimen = i, .of = variants(m, one)};
    for (uint32_t variant = 0; variant < out->of; variant++) {
        specimens_vary(one, variant);
        if (differ(m, one, client) && out->variants++ == 0)
            text = name_move(m, one, client);
    }
    return text;
}

/* ── All of them ── */

/* Takes over text. */
static void add_moved(struct diff_moves *m, size_t first, char *text, const struct moved *moved)
{
    const uint64_t hash = image_hash(text, strlen(text), 0);
    size_t i = first;
    while (i < m->n_moves && (m->move[i].hash != hash || strcmp(m->move[i].text, text) != 0))
        i++;
    if (i == m->n_moves) {
        m->move = xalloc_grow(m->move, m->n_moves, sizeof(*m->move));
        m->move[m->n_moves++] = (struct move){.text = text, .hash = hash};
    } else {
        free(text);
    }
    struct move *move = &m->move[i];
    move->moved = xalloc_grow(move->moved, move->n, sizeof(*moved));
    move->moved[move->n++] = *moved;
}

/* Estimates of the same share differ a little. */
static bool same_move(const struct move *a, const struct move *b)
{
    if (a->hash != b->hash || a->n != b->n || strcmp(a->text, b->text) != 0)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->moved[i].specimen != b->moved[i].specimen ||
            (a->moved[i].variants == a->moved[i].of) != (b->moved[i].variants == b->moved[i].of))
            return false;
    return true;
}

/* Where the move, or one that is the same, is or would be. */
static size_t *find_slot(const struct diff_moves *m, const struct move *move)
{
    size_t at = (size_t)(move->hash + move->n) & (m->n_slots - 1);
    while (m->slot[at] != 0 && !same_move(&m->move[m->slot[at] - 1], move))
        at = (at + 1) & (m->n_slots - 1);
    return &m->slot[at];
}

/* Room for so many moves; the first `known` are in the table. */
static void grow_slots(struct diff_moves *m, size_t known, size_t wanted)
{
    if (2 * wanted <= m->n_slots)
        return;
    m->n_slots = m->n_slots > 0 ? m->n_slots : SLOTS_MIN;
    while (m->n_slots < 2 * wanted)
        m->n_slots *= 2;
    free(m->slot);
    m->slot = xalloc_zero(m->n_slots, sizeof(*m->slot));
    for (size_t i = 0; i < known; i++)
        *find_slot(m, &m->move[i]) = i + 1;
}

/* The moves from `first` on are a client's: those that are known are released again. */
static struct list settle_moves(struct diff_moves *m, size_t first)
{
    struct list list = {.move = xalloc_zero(m->n_moves - first + 1, sizeof(*list.move))};
    size_t kept = first;
    grow_slots(m, first, m->n_moves);
    for (size_t i = first; i < m->n_moves; i++) {
        size_t *slot = find_slot(m, &m->move[i]);
        if (*slot != 0) {
            release_move(&m->move[i]);
        } else {
            m->move[kept] = m->move[i];
            *slot = ++kept;
        }
        list.move[list.n++] = *slot - 1;
    }
    m->n_moves = kept;
    return list;
}

static bool same_list(const struct list *a, const struct list *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->move, b->move, a->n * sizeof(*a->move)) == 0);
}

uint32_t diff_moves_of(struct diff_moves *m, const struct addr *client)
{
    const size_t first = m->n_moves;
    for (uint32_t i = 0; i < m->specimens.n; i++) {
        struct moved moved;
        char *text = try_specimen(m, i, client, &moved);
        if (text != NULL)
            add_moved(m, first, text, &moved);
    }
    struct list list = settle_moves(m, first);
    size_t known = 0;
    while (known < m->n_lists && !same_list(&m->list[known], &list))
        known++;
    if (known < m->n_lists) {
        free(list.move);
        return (uint32_t)known;
    }
    m->list = xalloc_grow(m->list, m->n_lists, sizeof(list));
    m->list[m->n_lists++] = list;
    return (uint32_t)known;
}

size_t diff_moves_count(const struct diff_moves *m)
{
    return m->n_moves;
}

bool diff_moves_have(const struct diff_moves *m, uint32_t number, size_t move)
{
    const struct list *list = &m->list[number];
    size_t i = 0;
    while (i < list->n && list->move[i] != move)
        i++;
    return i < list->n;
}

/* ── For people ── */

static void print_label(const struct diff_moves *m, const struct moved *moved, FILE *to)
{
    printable_put(str_from(m->specimens.one[moved->specimen].label), to);
    if (moved->variants < moved->of)
        fprintf(to, " (about %.1f%%)", 100.0 * moved->variants / moved->of);
}

void diff_moves_print(const struct diff_moves *m, size_t i, FILE *to)
{
    const struct move *move = &m->move[i];
    fprintf(to, "%s\n   ", move->text);
    for (size_t j = 0; j < move->n && j < LABELS_SHOWN; j++) {
        fputs(j == 0 ? " " : ", ", to);
        print_label(m, &move->moved[j], to);
    }
    if (move->n > LABELS_SHOWN)
        fprintf(to, ", and %zu more", move->n - LABELS_SHOWN);
    fputc('\n', to);
}
