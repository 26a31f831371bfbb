#include "exist/stores.h"

#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>

#define REFUSED 3 /* in heads[], behind the states */

bool stores_open(struct stores *s)
{
    s->store = calloc(STORES_MAX, sizeof(struct store *));
    s->down = calloc(STORES_MAX, sizeof(*s->down));
    return s->store != NULL && s->down != NULL;
}

void stores_close(struct stores *s)
{
    for (uint32_t i = 0; s->store != NULL && i < stores_count(s); i++) {
        free(s->store[i]->url);
        free(s->store[i]->recent_path);
        free(s->store[i]);
    }
    free(s->store);
    free(s->down);
}

static struct store *make(struct str url, uint32_t number)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return NULL;
    store->url = strndup(url.data, url.len);
    if (store->url == NULL) {
        free(store);
        return NULL;
    }
    store->len = url.len;
    store->number = number;
    store->queue_end = &store->queue;
    return store;
}

uint32_t stores_number(struct stores *s, struct str url, bool by_path)
{
    uint32_t n = stores_count(s);
    for (uint32_t i = 0; i < n; i++)
        if (s->store[i]->by_path == by_path &&
            str_eq(str_make(s->store[i]->url, s->store[i]->len), url))
            return i;
    struct store *store = n < STORES_MAX && url.len <= STORES_URL_MAX ? make(url, n) : NULL;
    if (store == NULL)
        return UINT32_MAX;
    store->by_path = by_path;
    s->store[n] = store;
    atomic_store_explicit(&s->n, n + 1, memory_order_release);
    return n;
}

bool stores_note_recent(struct store *store, const struct digest *key, struct str path)
{
    char *copy = store->by_path ? strndup(path.data, path.len) : NULL;
    if (store->by_path && copy == NULL)
        return false;
    free(store->recent_path);
    store->recent_path = copy;
    store->recent = *key;
    return true;
}

/* ── Counting: the prober alone adds, so nothing is lost ── */

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

void stores_note_latency(struct store *store, int64_t duration)
{
    unsigned bucket = 0;
    while (bucket < EXIST_BUCKETS - 1 &&
           (double)duration > exist_bucket_bound[bucket] * (double)CLOCK_S)
        bucket++;
    add(&store->latency[bucket], 1);
    add(&store->latency_ns, (uint64_t)duration);
}

void stores_note_refused(struct store *store)
{
    add(&store->heads[REFUSED], 1);
}

/* ── Health ── */

static enum stores_change set_down(struct stores *s, struct store *store, bool down)
{
    atomic_store_explicit(&s->down[store->number], down, memory_order_relaxed);
    return down ? STORES_WENT_DOWN : STORES_CAME_UP;
}

static enum stores_change set_up(struct stores *s, struct store *store)
{
    log_info("store %s is up again", store->url);
    return set_down(s, store, false);
}

enum stores_change stores_note_odd(struct stores *s, struct store *store)
{
    add(&store->heads[EXIST_ERROR], 1);
    if (store->proven || !stores_is_down(s, store->number))
        return STORES_SAME;
    store->errors = 0;
    return set_up(s, store);
}

enum stores_change stores_note(struct stores *s, struct store *store, enum exist_state state,
                               const char *why, int64_t now)
{
    bool down = stores_is_down(s, store->number);
    add(&store->heads[state], 1);
    if (state != EXIST_ERROR) {
        store->errors = 0;
        store->last_ok = now;
        return down ? set_up(s, store) : STORES_SAME;
    }
    if (down || ++store->errors < STORES_DOWN_AFTER)
        return STORES_SAME;
    log_warning("store %s is down: %s (%d errors in a row); clients go elsewhere until it answers",
                store->url, why, STORES_DOWN_AFTER);
    store->next = now + CLOCK_S;
    return set_down(s, store, true);
}
