#include "shared.h"

#include "exist/hasher.h"
#include "sys/clock.h"

#include <sys/random.h>

#define MARKS 1                   /* all workers share one: it is written once per entry and use */
#define NUMBER_MAX 0xffffU        /* as much as a slot of the cache has room for */
#define WATCH_EVERY (5 * CLOCK_S) /* while clients are sent there */
#define TRIAL_EVERY CLOCK_S       /* while it is down */

/* ── The zone ── */

/* An eighth is left for stores. What the pool has never handed out is zero: nobody touches it
 * before the cache does, so memory that is not used is not taken. */
static bool place_cache(struct shared *s)
{
    size_t pages = s->pool->pfree - s->pool->pfree / 8;
    size_t size = pages * ngx_pagesize;
    void *memory = size >= CACHE_PLACE_MIN ? ngx_slab_alloc(s->pool, size) : NULL;
    return memory != NULL && cache_place(&s->cache, MARKS, memory, size);
}

struct shared *shared_open(ngx_slab_pool_t *pool)
{
    if (pool->data != NULL)
        return pool->data;
    struct shared *s = ngx_slab_calloc(pool, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->pool = pool;
    if (getrandom(&s->seed, sizeof(s->seed), 0) != (ssize_t)sizeof(s->seed) || !place_cache(s))
        return NULL;
    pool->data = s;
    return s;
}

/* ── Stores ── */

static bool is_taken(const struct shared *s, uint32_t number)
{
    for (const struct shared_store *store = s->stores; store != NULL; store = store->next)
        if (atomic_load_explicit(&store->number, memory_order_relaxed) == number)
            return true;
    return false;
}

/* One that no entry of any age has: they begin anew after 65,536, of which a store takes one every
 * five seconds at most. */
static uint32_t new_number(struct shared *s)
{
    do
        s->number = (s->number + 1) & NUMBER_MAX;
    while (is_taken(s, s->number));
    return s->number;
}

static bool is_of(const struct shared_store *store, struct str url, bool by_path)
{
    return (store->path != NULL) == by_path && str_eq(str_make(store->url, store->len), url);
}

static struct shared_store *find_store(const struct shared *s, struct str url, bool by_path)
{
    struct shared_store *store = s->stores;
    while (store != NULL && !is_of(store, url, by_path))
        store = store->next;
    return store;
}

static struct shared_store *add_store(struct shared *s, struct str url, bool by_path)
{
    struct shared_store *store = NULL;
    size_t size = sizeof(*store) + url.len + (by_path ? EXIST_PATH_MAX : 0);
    if (s->n_stores < SHARED_STORES_MAX)
        store = ngx_slab_calloc_locked(s->pool, size);
    if (store == NULL)
        return NULL;
    s->n_stores++;
    memcpy(store->url, url.data, url.len);
    store->len = url.len;
    store->path = by_path ? store->url + url.len : NULL;
    store->number = new_number(s);
    store->next = s->stores;
    s->stores = store;
    return store;
}

struct shared_store *shared_store(struct shared *s, struct str url, bool by_path)
{
    ngx_shmtx_lock(&s->pool->mutex);
    struct shared_store *store = find_store(s, url, by_path);
    if (store == NULL)
        store = add_store(s, url, by_path);
    ngx_shmtx_unlock(&s->pool->mutex);
    return store;
}

/* ── Looking up ── */

int64_t shared_now(void)
{
    return (int64_t)ngx_current_msec * CLOCK_MS;
}

struct key shared_key(const struct shared *s, const struct shared_store *store,
                      const struct digest *d)
{
    uint32_t number = atomic_load_explicit(&store->number, memory_order_relaxed);
    return (struct key){key_hash(s->seed, number, d), number, *d};
}

bool shared_path(struct str path, struct digest *out)
{
    *out = (struct digest){.algorithm = DIGEST_OTHER, .size = 32};
    if (path.len > EXIST_PATH_MAX)
        return false;
    hasher_sha256(path.data, path.len, out->bytes);
    return true;
}

static bool is_down(const struct shared_store *store)
{
    return atomic_load_explicit(&store->down, memory_order_relaxed) != 0;
}

enum exist_state shared_find(const struct shared *s, const struct shared_store *store,
                             const struct key *key)
{
    return is_down(store) ? EXIST_DOWN : cache_find(&s->cache, 0, key, shared_now());
}

/* ── Health ── */

bool shared_due(struct shared_store *store)
{
    int64_t now = shared_now();
    int64_t due = atomic_load_explicit(&store->check, memory_order_relaxed);
    if (due == 0 || now < due)
        return false;
    int64_t next = now + (is_down(store) ? TRIAL_EVERY : WATCH_EVERY);
    return atomic_compare_exchange_strong(&store->check, &due, next);
}

static void check_within(struct shared_store *store, int64_t time)
{
    int64_t latest = shared_now() + time;
    int64_t due = atomic_load_explicit(&store->check, memory_order_relaxed);
    if (due == 0 || due > latest)
        atomic_store_explicit(&store->check, latest, memory_order_relaxed);
}

static enum shared_change note_error(struct shared_store *store)
{
    check_within(store, TRIAL_EVERY);
    if (is_down(store) || ++store->errors < SHARED_DOWN_AFTER)
        return SHARED_SAME;
    atomic_store_explicit(&store->down, 1, memory_order_relaxed);
    return SHARED_WENT_DOWN;
}

static enum shared_change set_up(struct shared_store *store)
{
    store->errors = 0;
    if (!is_down(store))
        return SHARED_SAME;
    atomic_store_explicit(&store->down, 0, memory_order_relaxed);
    return SHARED_CAME_UP;
}

static enum shared_change note_answer(struct shared_store *store)
{
    check_within(store, WATCH_EVERY);
    return set_up(store);
}

void shared_prove(struct shared *s, struct shared_store *store, struct str path)
{
    ngx_shmtx_lock(&s->pool->mutex);
    memcpy(store->path, path.data, path.len);
    atomic_store_explicit(&store->path_len, path.len, memory_order_relaxed);
    ngx_shmtx_unlock(&s->pool->mutex);
}

struct str shared_proven(struct shared *s, const struct shared_store *store, char *memory)
{
    ngx_shmtx_lock(&s->pool->mutex);
    size_t len = atomic_load_explicit(&store->path_len, memory_order_relaxed);
    memcpy(memory, store->path, len);
    ngx_shmtx_unlock(&s->pool->mutex);
    return str_make(memory, len);
}

/* ── What HEADs have found ── */

/* Under a new number, nothing is known. */
static enum shared_change forget(struct shared *s, struct shared_store *store, struct key *key)
{
    atomic_store_explicit(&store->number, new_number(s), memory_order_relaxed);
    *key = shared_key(s, store, &key->digest);
    return SHARED_FORGOT;
}

static enum shared_change note(struct shared *s, struct shared_store *store, struct key key,
                               enum exist_state state, int64_t expiry)
{
    int64_t now = shared_now();
    enum shared_change change = state == EXIST_ERROR ? note_error(store) : note_answer(store);
    if (state == EXIST_ABSENT && cache_peek(&s->cache, &key, now) == EXIST_PRESENT)
        change = forget(s, store, &key);
    if (expiry > now)
        cache_put(&s->cache, &key, state, expiry, now);
    return change;
}

enum shared_change shared_note(struct shared *s, struct shared_store *store, const struct key *key,
                               enum exist_state state, int64_t expiry)
{
    ngx_shmtx_lock(&s->pool->mutex);
    enum shared_change change = note(s, store, *key, state, expiry);
    ngx_shmtx_unlock(&s->pool->mutex);
    return change;
}

enum shared_change shared_note_odd(struct shared *s, struct shared_store *store,
                                   const struct key *key, int64_t expiry)
{
    int64_t now = shared_now();
    ngx_shmtx_lock(&s->pool->mutex);
    bool alive = is_down(store) && !shared_is_proven(store);
    enum shared_change change = alive ? set_up(store) : SHARED_SAME;
    if (expiry > now)
        cache_put(&s->cache, key, EXIST_ERROR, expiry, now);
    ngx_shmtx_unlock(&s->pool->mutex);
    return change;
}

unsigned shared_chances(const struct shared_store *store)
{
    return is_down(store) ? 0 : SHARED_DOWN_AFTER - store->errors;
}
