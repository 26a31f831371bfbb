#include "existence.h"

#include "clock.h"
#include "log.h"
#include "memory.h"

/* The last part of an entry's life, in which it is asked for again if it is used. */
#define RECHECK_PART 8

static int64_t ttl_of(const struct root *r, enum slots_state state)
{
    const struct settings *s = &r->settings;
    return state == SLOTS_PRESENT  ? s->present_ttl
           : state == SLOTS_ABSENT ? s->absent_ttl
                                   : s->error_ttl;
}

static struct str name_of(const struct root *r, uint32_t store)
{
    return snapshot_store(&r->snapshot, store).name;
}

/* Its prefix, and the store's name. */
static struct str cluster_of(const struct root *r, uint32_t store)
{
    struct str prefix = r->settings.clusters, name = name_of(r, store);
    char *memory = memory_take(prefix.len + name.len);
    if (memory == NULL)
        return STR("");
    memcpy(memory, prefix.data, prefix.len);
    memcpy(memory + prefix.len, name.data, name.len);
    return str_make(memory, prefix.len + name.len);
}

/* ── What a HEAD has shown ── */

static void tell(struct root *r, uint32_t store, enum health_change change)
{
    switch (change) {
    case HEALTH_WENT_DOWN:
        counters_add(&r->counters, COUNTERS_STORE_DOWN);
        LOG(ABI_WARN, STR("store "), name_of(r, store),
            STR(" is down: 3 errors in a row from cluster "), cluster_of(r, store),
            STR("; clients go elsewhere until it answers"));
        root_start_ticking(r);
        for (uint32_t i = 0; i < FLIGHTS_MAX; i++)
            if (r->flights.one[i].token != 0 && r->flights.one[i].store == store)
                waiters_answer(&r->waiters, i, SLOTS_ERROR);
        break;
    case HEALTH_CAME_UP:
        LOG(ABI_INFO, STR("store "), name_of(r, store), STR(" is up again"));
        break;
    case HEALTH_SAME:
        break;
    }
}

static void note(struct root *r, uint32_t store, enum slots_state state, int64_t now)
{
    if (state == SLOTS_ERROR)
        counters_add(&r->counters, COUNTERS_HEAD_ERRORS);
    tell(r, store, health_note(&r->health[store], state, now));
}

/* True: it says of the store no more than that it answers. Of a path that clients have been sent
 * for, there is more to expect. */
static bool note_odd(struct root *r, const struct flights_one *f, struct str status)
{
    struct health *h = &r->health[f->store];
    bool proven = h->redirected != 0;
    if (!flights_is_odd(f, status) || (proven && !flights_is_for_client(f->kind)))
        return false;
    counters_add(&r->counters, COUNTERS_HEAD_ERRORS);
    if (!proven)
        tell(r, f->store, health_note_odd(h));
    return true;
}

static uint32_t start(struct root *r, enum flights_kind kind, const struct existence_question *q)
{
    bool client = flights_is_for_client(kind);
    int64_t timeout = r->settings.timeout;
    const struct flights_call call = {
        .kind = kind,
        .store = q->store,
        .path = q->path,
        .cluster = cluster_of(r, q->store),
        .url = q->url,
        .timeout = client || timeout < HEALTH_CHECK_TIMEOUT ? timeout : HEALTH_CHECK_TIMEOUT,
    };
    uint32_t flight = flights_start(&r->flights, &call);
    counters_add(&r->counters, COUNTERS_HEADS);
    if (flight == FLIGHTS_NONE)
        note(r, q->store, SLOTS_ERROR, clock_now());
    else if (!client)
        r->health[q->store].checking++;
    return flight;
}

/* What clients are being sent for is no longer there: so may be all else, and only a question to
 * the store tells. */
static void forget(struct root *r, const struct flights_one *f, int64_t now)
{
    int64_t expiry;
    if (slots_find(&r->slots, flights_url(f), now, &expiry) != SLOTS_PRESENT)
        return;
    r->health[f->store].believed_since = now;
    LOG(ABI_WARN, STR("store "), name_of(r, f->store), STR(" no longer has "), flights_url(f),
        STR(": asking it anew for everything"));
}

static void remember(struct root *r, const struct flights_one *f, enum slots_state state,
                     int64_t now)
{
    if (state == SLOTS_ERROR && f->kind != FLIGHTS_ASKED)
        return;
    if (state == SLOTS_ABSENT && !flights_is_for_client(f->kind))
        forget(r, f, now);
    slots_put(&r->slots, flights_url(f), state, now + ttl_of(r, state), now);
    recent_drop(&r->recent, slots_hash(&r->slots, flights_url(f)), flights_url(f));
}

void existence_landed(struct root *r, uint32_t token, struct str status)
{
    struct flights_one f;
    uint32_t flight = flights_land(&r->flights, token, &f);
    if (flight == FLIGHTS_NONE)
        return;
    struct health *h = &r->health[f.store];
    enum slots_state state = flights_judge(&f, status);
    int64_t now = clock_now();
    if (!flights_is_for_client(f.kind))
        h->checking--;
    remember(r, &f, state, now);
    waiters_answer(&r->waiters, flight, state);
    if (state == SLOTS_ERROR && note_odd(r, &f, status))
        return;
    note(r, f.store, state, now);
    const struct existence_question again = {f.store, f.path, flights_url(&f)};
    if (f.kind == FLIGHTS_WATCH && state == SLOTS_ERROR)
        for (unsigned n = health_again(h); n > 0; n--)
            start(r, FLIGHTS_AGAIN, &again);
}

/* ── Questions ── */

static void recheck(struct root *r, const struct existence_question *q)
{
    if (flights_find(&r->flights, q->url) == FLIGHTS_NONE &&
        flights_have_room(&r->flights, q->store))
        start(r, FLIGHTS_RECHECK, q);
}

static enum slots_state look_up(struct root *r, struct str url, int64_t now, int64_t *expiry)
{
    uint64_t hash = slots_hash(&r->slots, url);
    if (recent_find(&r->recent, hash, url, now, expiry))
        return SLOTS_PRESENT;
    enum slots_state state = slots_find(&r->slots, url, now, expiry);
    if (state == SLOTS_PRESENT)
        recent_put(&r->recent, hash, url, *expiry, now);
    return state;
}

enum slots_state existence_find(struct root *r, const struct existence_question *q, int64_t now)
{
    const struct health *h = &r->health[q->store];
    int64_t expiry = 0;
    if (h->down)
        return SLOTS_ERROR;
    enum slots_state state = look_up(r, q->url, now, &expiry);
    if (state != SLOTS_PRESENT)
        return state;
    int64_t ttl = r->settings.present_ttl;
    if (expiry - ttl < h->believed_since)
        return SLOTS_MISS;
    if (expiry - now < ttl / RECHECK_PART)
        recheck(r, q);
    return SLOTS_PRESENT;
}

uint32_t existence_ask(struct root *r, const struct existence_question *q)
{
    uint32_t flight = flights_find(&r->flights, q->url);
    if (flight != FLIGHTS_NONE)
        return flight;
    if (q->url.len > SLOTS_KEY_MAX || !flights_have_room(&r->flights, q->store)) {
        counters_add(&r->counters, COUNTERS_HEADS_REFUSED);
        return FLIGHTS_NONE;
    }
    health_asked(&r->health[q->store], q->url, q->path);
    return start(r, FLIGHTS_ASKED, q);
}

void existence_redirected(struct root *r, const struct existence_question *q, int64_t now)
{
    health_redirected(&r->health[q->store], q->url, q->path, now);
    root_start_ticking(r);
}

bool existence_tick(struct root *r, int64_t now)
{
    bool follows = false;
    for (uint32_t i = 0; r->usable && i < r->snapshot.n_stores; i++) {
        struct health *h = &r->health[i];
        const struct existence_question recent = {i, h->recent_path,
                                                  str_make(h->recent, h->recent_len)};
        if (health_due(h, now))
            start(r, h->down ? FLIGHTS_TRIAL : FLIGHTS_WATCH, &recent);
        follows |= health_follows(h, now);
    }
    return follows;
}
