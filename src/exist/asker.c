#include "exist/asker.h"

#include <assert.h>
#include <stdlib.h>

#define NONE 0U
#define STATE_SHIFT 28 /* an answer is a number below this many bits, and a state */

bool asker_open(struct asker *a, uint32_t capacity)
{
    uint32_t chains = 1;
    *a = (struct asker){.bell.fd = -1, .capacity = capacity};
    assert(capacity > 0 && capacity < 1U << STATE_SHIFT);
    while (chains < capacity)
        chains *= 2;
    a->mask = chains - 1;
    a->question = calloc(capacity, sizeof(*a->question));
    a->chain = calloc(chains, sizeof(*a->chain));
    a->paths = calloc(capacity, EXIST_PATH_MAX);
    return a->question != NULL && a->paths != NULL && a->chain != NULL &&
           ring_open(&a->asked, capacity) && ring_open(&a->answered, capacity) &&
           ring_bell_open(&a->bell);
}

void asker_close(struct asker *a)
{
    ring_bell_close(&a->bell);
    ring_close(&a->answered);
    ring_close(&a->asked);
    free(a->paths);
    free(a->chain);
    free(a->question);
}

uint64_t asker_bytes(const struct asker *a)
{
    return (uint64_t)a->capacity * (sizeof(*a->question) + EXIST_PATH_MAX) +
           ((uint64_t)a->mask + 1) * sizeof(*a->chain) * 3;
}

/* ── The worker's side ── */

static void link_waiter(struct exist_waiter **list, struct exist_waiter *w)
{
    w->next = *list;
    w->link = list;
    if (w->next != NULL)
        w->next->link = &w->next;
    *list = w;
}

static struct asker_question *numbered(struct asker *a, uint32_t number)
{
    return &a->question[number - 1];
}

static struct asker_question *find(struct asker *a, const struct key *key)
{
    uint32_t i = a->chain[key->hash & a->mask];
    while (i != NONE && !key_eq(&numbered(a, i)->key, key))
        i = numbered(a, i)->next;
    return i != NONE ? numbered(a, i) : NULL;
}

static struct asker_question *take_free(struct asker *a)
{
    struct asker_question *q = NULL;
    if (a->free != NONE) {
        q = numbered(a, a->free);
        a->free = q->next;
    } else if (a->fresh < a->capacity) {
        q = numbered(a, ++a->fresh);
        q->number = a->fresh;
        q->asker = a;
    }
    return q;
}

/* path: at most EXIST_PATH_MAX bytes. */
static void note_path(struct asker *a, struct asker_question *q, struct str path)
{
    char *memory = a->paths + (size_t)(q->number - 1) * EXIST_PATH_MAX;
    q->path = str_make(memory, path.len);
    if (path.len > 0)
        memcpy(memory, path.data, path.len);
}

enum asker_result asker_ask(struct asker *a, const struct key *key, struct str path,
                            struct exist_waiter *w)
{
    struct asker_question *q = find(a, key);
    if (q != NULL) {
        link_waiter(&q->waiters, w);
        return ASKER_JOINED;
    }
    q = take_free(a);
    if (q == NULL)
        return ASKER_FULL;
    q->key = *key;
    note_path(a, q, path);
    q->next = a->chain[key->hash & a->mask];
    a->chain[key->hash & a->mask] = q->number;
    q->waiters = NULL;
    link_waiter(&q->waiters, w);
    bool pushed = ring_push(&a->asked, q->number);
    assert(pushed);
    (void)pushed;
    return ASKER_ASKED;
}

static void release(struct asker *a, struct asker_question *q)
{
    uint32_t *link = &a->chain[q->key.hash & a->mask];
    while (*link != q->number)
        link = &numbered(a, *link)->next;
    *link = q->next;
    q->next = a->free;
    a->free = q->number;
}

static bool take_answer(struct asker *a)
{
    uint32_t answer;
    if (!ring_pop(&a->answered, &answer))
        return false;
    struct asker_question *q = numbered(a, answer & ((1U << STATE_SHIFT) - 1));
    a->ready_state = (enum exist_state)(answer >> STATE_SHIFT);
    a->ready = q->waiters;
    if (a->ready != NULL)
        a->ready->link = &a->ready;
    q->waiters = NULL;
    release(a, q);
    return true;
}

static struct exist_waiter *take_ready(struct asker *a)
{
    struct exist_waiter *w = a->ready;
    w->state = a->ready_state;
    exist_cancel(w);
    return w;
}

struct exist_waiter *asker_collect(struct asker *a)
{
    while (a->ready == NULL && take_answer(a))
        ;
    if (a->ready != NULL)
        return take_ready(a);
    ring_bell_quiet(&a->bell);
    while (a->ready == NULL && take_answer(a))
        ;
    if (a->ready == NULL)
        return NULL;
    ring_bell_ring(&a->bell); /* there may be more behind it: quiet again when all is taken */
    return take_ready(a);
}

/* ── The prober's side ── */

struct asker_question *asker_next(struct asker *a)
{
    uint32_t number;
    return ring_pop(&a->asked, &number) ? numbered(a, number) : NULL;
}

void asker_answer(struct asker_question *q, enum exist_state state)
{
    struct asker *a = q->asker;
    bool pushed = ring_push(&a->answered, q->number | (uint32_t)state << STATE_SHIFT);
    assert(pushed);
    (void)pushed;
    ring_bell_ring(&a->bell);
}
