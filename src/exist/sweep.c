#include "exist/sweep.h"

#include "sys/clock.h"

#define TICK (100 * CLOCK_MS) /* while a store is watched or down */
#define TICK_LONGEST CLOCK_S
#define TICK_SHORTEST (10 * CLOCK_MS)
#define WATCH_EVERY (5 * CLOCK_S)
#define WATCH_FIRST (4 * CLOCK_S) /* of a store that only its index has spoken for */
#define WATCH_FOR 30              /* seconds after the last redirect */
#define TRIAL_EVERY CLOCK_S       /* and watches are not closer either */
#define RECHECKS_A_SECOND 20.0    /* per store; as many at once */
#define PASSES 16                 /* over the table of what is present, per lifetime */
#define PASSES_ABSENT 4

/* Timing: a store that dies just after a good answer is watched 5 s later, within a tick; that
 * HEAD may take 2 s, and the two that follow it at once another 2 s. So it is known to be down
 * after 9.2 s at the latest, whatever it does: 10 s are promised. Where an index answers, the first
 * redirect is noticed within a second: that makes 9 s. */

static int64_t read_ttl(const _Atomic int64_t *ttl)
{
    return atomic_load_explicit(ttl, memory_order_relaxed);
}

static struct key key_of(const struct exist *e, const struct store *store, const struct digest *d)
{
    return (struct key){key_hash(e->seed, store->number, d), store->number, *d};
}

/* ── Watches and trials ── */

/* When a client was last sent there, in seconds; *d: for which digest, if it can be read. */
static uint32_t last_redirect(const struct exist *e, uint32_t store, struct digest *d)
{
    uint32_t latest = 0;
    unsigned worker = 0;
    for (unsigned i = 0; i < e->workers; i++) {
        uint32_t second = watch_second(&e->watch[i], store);
        if (second > latest) {
            latest = second;
            worker = i;
        }
    }
    if (latest != 0 && !watch_read(&e->watch[worker], store, d))
        d->size = 0;
    return latest;
}

static void check(struct prober *p, struct store *store, enum flight_kind kind, int64_t now)
{
    const struct key key = key_of(p->exist, store, &store->recent);
    store->checked = now;
    store->next = now + (kind == FLIGHT_TRIAL ? TRIAL_EVERY : WATCH_EVERY);
    prober_check(p, &key, kind, now);
}

static void set_watched(struct store *store, bool watched, int64_t now)
{
    if (watched && !store->watched) {
        int64_t due = store->last_ok != 0 ? store->last_ok + WATCH_EVERY : now + WATCH_FIRST;
        store->next = due > now ? due : now;
    }
    store->watched = watched;
}

/* True if this store needs attention at every tick. */
static bool follow_store(struct prober *p, struct store *store, int64_t now)
{
    struct digest d = {0};
    bool down = stores_is_down(&p->exist->stores, store->number);
    uint32_t second = last_redirect(p->exist, store->number, &d);
    bool watched = second != 0 && (int64_t)second + WATCH_FOR > now / CLOCK_S;
    if (d.size != 0 && watched && !store->by_path)
        store->recent = d;
    if (!down)
        set_watched(store, watched, now);
    if (!down && !watched)
        return false;
    if (now >= store->next && store->checking == 0 && store->recent.size != 0)
        check(p, store, down ? FLIGHT_TRIAL : FLIGHT_WATCH, now);
    return true;
}

void sweep_note(struct prober *p, struct store *store, enum flight_kind kind,
                enum exist_state state, int64_t now)
{
    if (state != EXIST_ERROR || stores_is_down(&p->exist->stores, store->number))
        return;
    if (kind == FLIGHT_WATCH) {
        for (unsigned i = store->errors; i < STORES_DOWN_AFTER; i++) {
            const struct key key = key_of(p->exist, store, &store->recent);
            prober_check(p, &key, FLIGHT_AGAIN, now);
        }
    } else if (store->watched && kind != FLIGHT_AGAIN) {
        int64_t soon = store->checked + TRIAL_EVERY;
        store->next = soon < store->next ? soon : store->next;
    } else if (store->proven && kind == FLIGHT_ASKED && store->checking == 0 &&
               now >= store->checked + TRIAL_EVERY) {
        check(p, store, FLIGHT_WATCH, now); /* was it the path's fault, or is it the store's? */
    }
}

/* ── The cache ── */

struct visit {
    struct prober *prober;
    int64_t now;
    int64_t before; /* entries that expire earlier are renewed */
};

static bool take_token(struct store *store, int64_t now)
{
    store->tokens += (double)(now - store->refilled) / (double)CLOCK_S * RECHECKS_A_SECOND;
    store->refilled = now;
    if (store->tokens > RECHECKS_A_SECOND)
        store->tokens = RECHECKS_A_SECOND;
    if (store->tokens < 1)
        return false;
    store->tokens -= 1;
    return true;
}

static void visit(void *context, const struct table_entry *entry)
{
    const struct visit *v = context;
    struct prober *p = v->prober;
    struct exist *e = p->exist;
    struct store *store = e->stores.store[entry->key.store];
    if (!entry->used || store->by_path || entry->expiry >= v->before ||
        stores_is_down(&e->stores, entry->key.store) ||
        store->running >= (e->store_requests + 1) / 2 ||
        flights_find(&p->flights, &entry->key) != NULL || !take_token(store, v->now))
        return;
    if (prober_check(p, &entry->key, FLIGHT_RECHECK, v->now))
        atomic_fetch_add_explicit(&e->rechecks, 1, memory_order_relaxed);
}

/* As much of the table as the time since the last tick stands for, if a pass takes that long. */
static void sweep_table(struct table *t, double *credit, double passed, struct table_sweep sweep)
{
    *credit += passed * (double)t->n_filled;
    if (*credit > (double)t->n_filled)
        *credit = (double)t->n_filled;
    sweep.groups = (uint32_t)*credit;
    *credit -= (double)sweep.groups;
    table_sweep(t, &sweep);
}

static void sweep_cache(struct prober *p, int64_t now)
{
    struct exist *e = p->exist;
    int64_t present = read_ttl(&e->present_ttl), absent = read_ttl(&e->absent_ttl);
    int64_t error = read_ttl(&e->error_ttl), longer = absent > error ? absent : error;
    double elapsed = (double)(now - p->ticked);
    struct visit v = {p, now, now + present / 4};
    struct table_sweep sweep = {.seed = e->seed,
                                .now = now,
                                .latest = now + present,
                                .forget = TABLE_NO_STORE,
                                .visit = visit,
                                .context = &v};
    for (unsigned i = 0; i < CACHE_TABLES; i++)
        sweep_table(&e->cache.present[i], &p->credit[0][i],
                    elapsed * PASSES / (double)(present + 1), sweep);
    sweep.latest = now + longer;
    sweep.visit = NULL;
    for (unsigned i = 0; i < CACHE_TABLES; i++)
        sweep_table(&e->cache.absent[i], &p->credit[1][i],
                    elapsed * PASSES_ABSENT / (double)(longer + 1), sweep);
}

/* ── The clock ── */

static int64_t tick_length(const struct exist *e, bool active)
{
    int64_t length = read_ttl(&e->present_ttl) / (PASSES * 4);
    int64_t longest = active ? TICK : TICK_LONGEST;
    if (length > longest)
        return longest;
    return length > TICK_SHORTEST ? length : TICK_SHORTEST;
}

static bool follow_stores(struct prober *p, int64_t now)
{
    bool active = false;
    for (uint32_t i = 0; i < stores_count(&p->exist->stores); i++)
        active |= follow_store(p, p->exist->stores.store[i], now);
    return active;
}

int sweep_tick(struct prober *p, int64_t now)
{
    struct exist *e = p->exist;
    if (p->multi == NULL)
        return -1;
    if (now >= p->next_tick) {
        bool active = follow_stores(p, now);
        sweep_cache(p, now);
        p->ticked = now;
        p->next_tick = now + tick_length(e, active);
        if (!active && p->flights.n == 0 && !index_any(&e->indexes) &&
            cache_entries(e->cache.present) == 0 && cache_entries(e->cache.absent) == 0)
            return -1;
    }
    return (int)((p->next_tick - now) / CLOCK_MS) + 1;
}
