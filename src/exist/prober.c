#include "exist/prober.h"

#include "exist/sweep.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#include <poll.h>
#include <stdlib.h>

#define STACK (1024 * 1024) /* of addresses; libcurl needs some of it */
#define IDLE_MAX 64         /* handles kept */
#define CHECK_TIMEOUT (2 * CLOCK_S)
#define POLL_MAX_MS 60000
#define TURN 256 /* questions */

/* ── Handles ── */

static struct head *take_head(struct prober *p)
{
    struct head *h = p->idle;
    if (h == NULL)
        h = head_new(p->curl);
    else {
        p->idle = h->next;
        p->n_idle--;
    }
    if (h == NULL)
        return NULL;
    h->next = p->busy;
    h->link = &p->busy;
    if (h->next != NULL)
        h->next->link = &h->next;
    p->busy = h;
    return h;
}

static void unlink_busy(struct head *h)
{
    *h->link = h->next;
    if (h->next != NULL)
        h->next->link = h->link;
}

static void give_head(struct prober *p, struct head *h)
{
    unlink_busy(h);
    if (p->n_idle >= IDLE_MAX) {
        head_free(h);
        return;
    }
    h->next = p->idle;
    p->idle = h;
    p->n_idle++;
}

/* ── Flights ── */

static int64_t timeout_of(const struct prober *p, enum flight_kind kind)
{
    int64_t timeout = atomic_load_explicit(&p->exist->head_timeout, memory_order_relaxed);
    return flights_hold(kind) || timeout < CHECK_TIMEOUT ? timeout : CHECK_TIMEOUT;
}

static void url_of(const struct flight *f, char url[STORES_URL_MAX + EXIST_PATH_MAX + 1])
{
    char *behind = url + f->store->len;
    memcpy(url, f->store->url, f->store->len);
    if (f->path != NULL)
        strcpy(behind, f->path);
    else
        behind[digest_format(&f->key.digest, behind)] = '\0';
}

static bool launch(struct prober *p, struct flight *f)
{
    char url[STORES_URL_MAX + EXIST_PATH_MAX + 1];
    struct head *h = take_head(p);
    if (h == NULL)
        return false;
    url_of(f, url);
    h->owner = f;
    head_begin(h, url, timeout_of(p, f->kind));
    if (p->curl->multi_add_handle(p->multi, h->easy) != CURLM_OK) {
        give_head(p, h);
        return false;
    }
    f->head = h;
    *(flights_hold(f->kind) ? &f->store->running : &f->store->checking) += 1;
    return true;
}

/* path: of an object that has one; its data is NULL else. */
static struct flight *new_flight(struct prober *p, const struct key *key, struct str path,
                                 enum flight_kind kind, int64_t now)
{
    struct flight *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    f->path = path.data != NULL ? strndup(path.data, path.len) : NULL;
    if (path.data != NULL && f->path == NULL) {
        free(f);
        return NULL;
    }
    f->key = *key;
    f->kind = kind;
    f->store = p->exist->stores.store[key->store];
    f->asked = now;
    if (flights_hold(kind))
        flights_add(&p->flights, f);
    return f;
}

static void free_flight(struct prober *p, struct flight *f)
{
    if (flights_hold(f->kind))
        flights_remove(&p->flights, f);
    free(f->path);
    free(f);
}

/* No HEAD for this one: whoever waits goes elsewhere, and may ask again. */
static void refuse(struct prober *p, struct flight *f, enum exist_state state)
{
    stores_note_refused(f->store);
    flights_answer(f, state);
    free_flight(p, f);
}

bool prober_check(struct prober *p, const struct key *key, enum flight_kind kind, int64_t now)
{
    const char *path = p->exist->stores.store[key->store]->recent_path;
    struct flight *f =
        new_flight(p, key, path != NULL ? str_from(path) : str_make(NULL, 0), kind, now);
    if (f == NULL)
        return false;
    if (launch(p, f))
        return true;
    free_flight(p, f);
    return false;
}

/* ── The queue of a store ── */

static void enqueue(struct flight *f)
{
    *f->store->queue_end = f;
    f->store->queue_end = &f->behind;
    f->store->queued++;
}

static struct flight *dequeue(struct store *store)
{
    struct flight *f = store->queue;
    if (f == NULL)
        return NULL;
    store->queue = f->behind;
    if (store->queue == NULL)
        store->queue_end = &store->queue;
    store->queued--;
    return f;
}

/* Nobody waits as long as a HEAD may take for one that has not even begun. */
static void launch_queued(struct prober *p, struct store *store, int64_t now)
{
    int64_t oldest = now - timeout_of(p, FLIGHT_ASKED);
    while (store->queue != NULL && store->running < p->exist->store_requests) {
        struct flight *f = dequeue(store);
        if (f->asked < oldest || !launch(p, f))
            refuse(p, f, EXIST_ERROR);
    }
}

static void drop_queue(struct prober *p, struct store *store)
{
    for (struct flight *f = dequeue(store); f != NULL; f = dequeue(store))
        refuse(p, f, EXIST_DOWN);
}

/* ── Questions ── */

static void open_library(struct prober *p)
{
    const char *why = "out of memory";
    p->tried = true;
    p->curl = libcurl_open(&why);
    if (p->curl != NULL)
        p->multi = p->curl->multi_init();
    if (p->multi == NULL)
        log_error("no store can be asked, all blobs come from the upstream: %s", why);
}

/* What can be said at once; EXIST_MISS: a HEAD is needed. */
static enum exist_state known(struct prober *p, const struct key *key, int64_t now)
{
    if (stores_is_down(&p->exist->stores, key->store))
        return EXIST_DOWN;
    if (!p->tried)
        open_library(p);
    if (p->multi == NULL)
        return EXIST_ERROR;
    return cache_peek(&p->exist->cache, key, now); /* it may have come while this was on its way */
}

static bool has_room(const struct prober *p, const struct store *store)
{
    uint32_t queue = p->exist->queue;
    return store->queued < (queue + 1) / 2 && p->flights.n < queue;
}

/* What is asked for is what the store is watched by, but for a path that it may never have heard of
 * where there is one that it has. NULL: no memory. */
static struct flight *new_question(struct prober *p, const struct asker_question *q, int64_t now)
{
    struct store *store = p->exist->stores.store[q->key.store];
    if (!store->proven && !stores_note_recent(store, &q->key.digest, q->path))
        return NULL;
    struct str path = store->by_path ? q->path : str_make(NULL, 0);
    return new_flight(p, &q->key, path, FLIGHT_ASKED, now);
}

static void take_question(struct prober *p, struct asker_question *q, int64_t now)
{
    enum exist_state state = known(p, &q->key, now);
    if (state != EXIST_MISS) {
        asker_answer(q, state);
        return;
    }
    struct store *store = p->exist->stores.store[q->key.store];
    struct flight *f = flights_find(&p->flights, &q->key);
    if (f == NULL) {
        if (has_room(p, store))
            f = new_question(p, q, now);
        if (f == NULL) {
            stores_note_refused(store);
            asker_answer(q, EXIST_ERROR);
            return;
        }
        enqueue(f);
    }
    q->subscriber = f->subscribers;
    f->subscribers = q;
    launch_queued(p, store, now);
}

/* So many of each worker's, lest a flood of them keep the answers waiting. True: that may not have
 * been all. */
static bool take_questions(struct prober *p)
{
    int64_t now = clock_now();
    bool more = false;
    for (unsigned i = 0; i < p->exist->workers; i++) {
        struct asker_question *q = NULL;
        for (unsigned n = 0; n < TURN && (q = asker_next(&p->exist->asker[i])) != NULL; n++)
            take_question(p, q, now);
        more |= q != NULL;
    }
    return more;
}

/* ── Answers ── */

static int64_t ttl_of(const struct exist *e, enum exist_state state)
{
    const _Atomic int64_t *ttl = state == EXIST_PRESENT  ? &e->present_ttl
                                 : state == EXIST_ABSENT ? &e->absent_ttl
                                                         : &e->error_ttl;
    return atomic_load_explicit(ttl, memory_order_relaxed);
}

/* What clients are being sent for is no longer there: so may be all else, and only a question to
 * the store tells. (Where one object was deleted, each of the others costs one HEAD.) */
static void forget(struct prober *p, const struct flight *f, int64_t now)
{
    char url[STORES_URL_MAX + EXIST_PATH_MAX + 1];
    url_of(f, url);
    log_warning("store %.*s no longer has %s: asking it anew for everything", (int)f->store->len,
                url, url + f->store->len);
    cache_forget(&p->exist->cache, f->key.store, now);
    index_distrust(&p->exist->indexes, f->key.store);
}

static bool is_believed(const struct exist *e, const struct key *key, int64_t now)
{
    return index_has(&e->indexes, key->store, &key->digest, now) ||
           cache_peek(&e->cache, key, now) == EXIST_PRESENT;
}

static void remember(struct prober *p, const struct flight *f, enum exist_state state, int64_t now)
{
    if (state == EXIST_ERROR && f->kind != FLIGHT_ASKED)
        return;
    if (state == EXIST_ABSENT && !flights_hold(f->kind) && is_believed(p->exist, &f->key, now))
        forget(p, f, now);
    cache_put(&p->exist->cache, &f->key, state, now + ttl_of(p->exist, state), now);
}

/* Clients make paths up, and some make those that a store answers with anything: of the store, that
 * says as little as if nobody had asked. */
static bool is_odd(const struct flight *f, enum exist_state state)
{
    return f->path != NULL && state == EXIST_ERROR && f->head->answered &&
           (f->kind == FLIGHT_ASKED || !f->store->proven);
}

static void prove(struct flight *f, enum exist_state state)
{
    if (f->path != NULL && state != EXIST_ERROR && f->kind == FLIGHT_ASKED &&
        stores_note_recent(f->store, &f->key.digest, str_from(f->path)))
        f->store->proven = true;
}

/* What a HEAD has shown of its store and of its blob. */
static enum stores_change learn(struct prober *p, struct flight *f, enum exist_state state,
                                const char *why, int64_t now)
{
    stores_note_latency(f->store, now - f->head->began);
    struct stores *stores = &p->exist->stores;
    enum stores_change change = is_odd(f, state) ? stores_note_odd(stores, f->store)
                                                 : stores_note(stores, f->store, state, why, now);
    prove(f, state);
    remember(p, f, state, now);
    return change;
}

static void land(struct prober *p, struct flight *f, enum exist_state state, const char *why)
{
    struct store *store = f->store;
    enum flight_kind kind = f->kind;
    int64_t now = clock_now();
    bool starved = f->head->starved;
    enum stores_change change = STORES_SAME;
    if (starved)
        stores_note_refused(store);
    else
        change = learn(p, f, state, why, now);
    *(flights_hold(kind) ? &store->running : &store->checking) -= 1;
    give_head(p, f->head);
    flights_answer(f, state);
    free_flight(p, f);
    if (change == STORES_WENT_DOWN) {
        flights_answer_store(&p->flights, store, EXIST_DOWN);
        drop_queue(p, store);
    }
    if (!starved)
        sweep_note(p, store, kind, state, now);
    launch_queued(p, store, now);
}

static void transfer_ended(struct prober *p, CURL *easy, CURLcode code)
{
    struct head *h = NULL;
    char why[256] = "";
    p->curl->easy_getinfo(easy, CURLINFO_PRIVATE, &h);
    p->curl->multi_remove_handle(p->multi, easy);
    enum exist_state state = head_end(h, code, why);
    if (state == EXIST_MISS) {
        if (p->curl->multi_add_handle(p->multi, easy) == CURLM_OK)
            return;
        state = EXIST_ERROR;
        h->starved = true;
    }
    land(p, h->owner, state, why);
}

static void transfer(struct prober *p)
{
    int n;
    CURLMsg *message;
    if (p->multi == NULL)
        return;
    p->curl->multi_perform(p->multi, &n);
    while ((message = p->curl->multi_info_read(p->multi, &n)) != NULL)
        if (message->msg == CURLMSG_DONE)
            transfer_ended(p, message->easy_handle, message->data.result);
}

/* ── The thread ── */

static void wait_for_something(struct prober *p, int ms)
{
    int fd = p->exist->bell.fd;
    if (p->multi == NULL) {
        struct pollfd bell = {.fd = fd, .events = POLLIN};
        poll(&bell, 1, ms);
        return;
    }
    struct curl_waitfd bell = {.fd = fd, .events = CURL_WAIT_POLLIN};
    p->curl->multi_poll(p->multi, &bell, 1, ms >= 0 ? ms : POLL_MAX_MS, NULL);
}

static void *work(void *argument)
{
    struct prober *p = argument;
    while (!atomic_load(&p->exist->stop)) {
        if (!p->tried && index_any(&p->exist->indexes))
            open_library(p); /* to watch the stores that nobody has to ask */
        bool more = take_questions(p);
        transfer(p);
        int ms = sweep_tick(p, clock_now());
        index_pass(&p->exist->indexes, p->exist->workers);
        wait_for_something(p, more ? 0 : ms);
        ring_bell_quiet(&p->exist->bell);
    }
    return NULL;
}

struct prober *prober_new(struct exist *e, const char **why)
{
    struct prober *p = calloc(1, sizeof(*p));
    if (p == NULL || !flights_open(&p->flights, e->queue)) {
        *why = "not enough memory for the existence cache";
        prober_free(p);
        return NULL;
    }
    p->exist = e;
    const struct thread_options options = {.name = "prober", .stack = STACK, .cpu = -1};
    p->started = thread_start(&p->thread, &options, work, p) == 0;
    if (p->started)
        return p;
    *why = "no thread to be had for the prober";
    prober_free(p);
    return NULL;
}

/* ── The end ── */

/* A name that is still being resolved would keep curl_easy_cleanup() waiting. */
static void abandon(struct prober *p, struct head *h)
{
    struct flight *f = h->owner;
    p->curl->easy_setopt(h->easy, CURLOPT_QUICK_EXIT, 1L);
    p->curl->multi_remove_handle(p->multi, h->easy);
    unlink_busy(h);
    head_free(h);
    if (!flights_hold(f->kind)) {
        free(f->path);
        free(f);
    }
}

void prober_free(struct prober *p)
{
    if (p == NULL)
        return;
    if (p->started) {
        atomic_store(&p->exist->stop, true);
        ring_bell_ring(&p->exist->bell);
        pthread_join(p->thread, NULL);
    }
    while (p->busy != NULL)
        abandon(p, p->busy);
    while (p->idle != NULL) {
        struct head *h = p->idle;
        p->idle = h->next;
        head_free(h);
    }
    if (p->multi != NULL)
        p->curl->multi_cleanup(p->multi);
    flights_close(&p->flights);
    free(p);
}
