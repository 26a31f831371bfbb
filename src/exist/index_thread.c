#include "exist/index_thread.h"

#include "exist/index_load.h"
#include "exist/prober.h"
#include "policy/image.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define COLLECT_EVERY (20 * CLOCK_MS) /* while a set waits to be freed */
#define AHEAD_MAX 300                 /* seconds that another machine's clock may be ahead */
#define NO_FAILURE EXIST_INDEX_FAILURES
#define HOLD_OFF_MAX (3600 * CLOCK_S)

/* One store. */
struct task {
    uint32_t store;
    int64_t due;
    struct index_set *set; /* that is published; NULL: none */
    char etag[INDEX_LOAD_ETAG_MAX];
    int failure; /* of the last try: enum exist_index_failure, or NO_FAILURE */

    /* A set that came in vain: it may be large, and every byte of it is paid for. */
    struct blob_index_pointer refused;
    unsigned refusals; /* of that pointer's set, one after the other; 0: there is none */
    int64_t hold_off;  /* it is not asked for again before this */
};

struct index_thread {
    struct exist *exist;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    struct task *task; /* the thread's */
    size_t n_tasks;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;
    struct task *wanted; /* NULL: nothing new */
    size_t n_wanted;
};

static int64_t setting(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static bool is_believed(const struct index_set *s)
{
    return s != NULL && clock_now() < setting(&s->until) &&
           !atomic_load_explicit(&s->wrong, memory_order_relaxed);
}

/* ── What is said ── */

static struct str base_of(const struct index_thread *t, const struct task *k)
{
    const struct store *store = t->exist->stores.store[k->store];
    return str_make(store->url, store->len - (sizeof(IMAGE_OBJECTS) - 2)); /* with its slash */
}

/* What somebody has to do. */
static const char *remedy(enum exist_index_failure failure)
{
    if (failure == EXIST_INDEX_TOO_LARGE)
        return "raise existence.index_memory";
    return failure == EXIST_INDEX_FETCH ? "it is tried again" : "publish it anew (geranos index)";
}

/* The same again and again is said once. */
static void failed(struct index_thread *t, struct task *k, enum exist_index_failure failure,
                   const char *why)
{
    struct str base = base_of(t, k);
    index_count_failure(&t->exist->indexes, k->store, failure);
    if (k->failure == (int)failure)
        return;
    k->failure = (int)failure;
    log_warning("store %.*s: its index is not %s: %s; %s", (int)base.len, base.data,
                is_believed(k->set) ? "brought up to date" : "used", why, remedy(failure));
}

static void succeeded(struct index_thread *t, struct task *k)
{
    struct str base = base_of(t, k);
    if (k->failure != NO_FAILURE)
        log_info("store %.*s: its index is used again", (int)base.len, base.data);
    k->failure = NO_FAILURE;
}

/* ── One store ── */

/* How long the index of a pointer may be believed: after its time, and from now on. */
static int64_t believed_until(const struct exist *e, int64_t time)
{
    int64_t now = clock_now(), longest = setting(&e->present_ttl);
    int64_t left = setting(&e->index_max_age) - (clock_wall() - time) * CLOCK_S;
    return now + (left < longest ? left : longest);
}

/* Is its time one to go by? Otherwise it has been said why not. */
static bool is_timely(struct index_thread *t, struct task *k, const struct blob_index_pointer *p)
{
    char why[256];
    int64_t age = clock_wall() - p->time;
    if (age < -AHEAD_MAX)
        snprintf(why, sizeof(why), "it says that it was made in %lld s, by a clock that is wrong",
                 (long long)-age);
    else if (age >= setting(&t->exist->index_max_age) / CLOCK_S)
        snprintf(why, sizeof(why), "it was made %lld s ago, longer than existence.index_max_age",
                 (long long)age);
    else if (is_believed(k->set) && p->time < setting(&k->set->time))
        snprintf(why, sizeof(why), "it was made before the one in use");
    else
        return true;
    failed(t, k, EXIST_INDEX_STALE, why);
    return false;
}

/* What a set may take beside those of the other stores. */
static uint64_t room_for(const struct index_thread *t, const struct task *k)
{
    uint64_t room = atomic_load_explicit(&t->exist->index_memory, memory_order_relaxed);
    for (size_t i = 0; i < t->n_tasks; i++) {
        uint64_t bytes = &t->task[i] != k && t->task[i].set != NULL ? t->task[i].set->bytes : 0;
        room = bytes < room ? room - bytes : 0;
    }
    return room;
}

/* Readers that sleep are woken, so that the old set can go. */
static void publish(struct index_thread *t, struct task *k, struct index_set *s)
{
    struct exist *e = t->exist;
    k->set = s;
    index_publish(&e->indexes, k->store, s);
    for (unsigned i = 0; i < e->workers; i++)
        ring_bell_ring(&e->asker[i].bell);
    ring_bell_ring(&e->bell);
}

/* Believes what is published as of a pointer that names it. Where something that it named was not
 * there, only a later one can mend that. */
static void confirm(struct index_thread *t, struct task *k, int64_t time)
{
    struct index_set *s = k->set;
    if (time > setting(&s->time))
        atomic_store_explicit(&s->wrong, false, memory_order_relaxed);
    atomic_store_explicit(&s->time, time, memory_order_relaxed);
    atomic_store_explicit(&s->until, believed_until(t->exist, time), memory_order_relaxed);
    if (!atomic_load_explicit(&s->wrong, memory_order_relaxed))
        succeeded(t, k);
}

static void let_go(struct index_thread *t, struct task *k)
{
    if (k->set != NULL)
        publish(t, k, NULL);
    k->etag[0] = '\0';
}

static bool is_refused(const struct task *k, const struct blob_index_pointer *p)
{
    return k->refusals > 0 && p->time == k->refused.time &&
           memcmp(&p->object, &k->refused.object, sizeof(p->object)) == 0;
}

/* The wait doubles as long as the same pointer names it; a new pointer is followed at once. */
static void refuse(struct index_thread *t, struct task *k, const struct blob_index_pointer *p)
{
    int64_t wait = setting(&t->exist->index_refresh);
    k->refusals = is_refused(k, p) ? k->refusals + 1 : 1;
    k->refused = *p;
    for (unsigned i = 0; i < k->refusals && wait <= HOLD_OFF_MAX / 2; i++)
        wait *= 2;
    k->hold_off = clock_now() + wait;
}

static bool load(struct index_thread *t, struct task *k, struct index_load *l,
                 const struct blob_index_pointer *p)
{
    struct index_table *x = &t->exist->indexes;
    uint64_t size = index_set_bytes((size_t)blob_index_size(p->count)), room = room_for(t, k);
    if (size > room) {
        snprintf(l->why, sizeof(l->why), "it needs %llu bytes, and there is room for %llu",
                 (unsigned long long)size, (unsigned long long)room);
        failed(t, k, EXIST_INDEX_TOO_LARGE, l->why);
        return false;
    }
    struct index_set *s = index_load_set(l, x, p);
    if (s == NULL) {
        failed(t, k, l->failure, l->why);
        refuse(t, k, p);
        return false;
    }
    k->refusals = 0;
    atomic_store_explicit(&s->until, believed_until(t->exist, p->time), memory_order_relaxed);
    publish(t, k, s);
    atomic_fetch_add_explicit(&x->counts[k->store].loads, 1, memory_order_relaxed);
    unsigned long long n = p->count[0] + p->count[1];
    log_info("store %.*s: its index of %llu digests, made %lld s ago, is used", (int)l->base.len,
             l->base.data, n, (long long)(clock_wall() - p->time));
    k->failure = NO_FAILURE;
    return true;
}

static bool is_named(const struct index_set *s, const struct blob_index_pointer *p)
{
    return s != NULL && memcmp(&s->object, &p->object, sizeof(p->object)) == 0;
}

/* A pointer has come that is not the one that is known. */
static bool take_pointer(struct index_thread *t, struct task *k, struct index_load *l,
                         const struct blob_index_pointer *p)
{
    if (!is_timely(t, k, p))
        return false;
    if (!is_named(k->set, p))
        return !(is_refused(k, p) && clock_now() < k->hold_off) && load(t, k, l, p);
    confirm(t, k, p->time);
    return true;
}

static void take_same(struct index_thread *t, struct task *k)
{
    const struct blob_index_pointer p = {.time = setting(&k->set->time)};
    if (is_timely(t, k, &p))
        confirm(t, k, p.time);
}

/* The ETag is kept only with the set that it stands for: what failed is fetched again. */
static void poll_store(struct index_thread *t, struct task *k)
{
    struct blob_index_pointer p;
    struct index_load l = {.base = base_of(t, k), .stop = &t->stop};
    memcpy(l.etag, k->etag, sizeof(l.etag));
    enum index_load_result result = index_load_pointer(&l, &p);
    if (atomic_load(&t->stop))
        return;
    if (result == INDEX_LOAD_SAME) {
        take_same(t, k);
    } else if (result == INDEX_LOAD_DONE) {
        if (take_pointer(t, k, &l, &p))
            memcpy(k->etag, l.etag, sizeof(k->etag));
    } else {
        if (l.failure == EXIST_INDEX_MISSING)
            let_go(t, k);
        failed(t, k, l.failure, l.why);
    }
}

/* ── All stores ── */

/* index_refresh, give or take a tenth. */
static int64_t next_wait(const struct index_thread *t)
{
    uint32_t random = 0;
    int64_t refresh = setting(&t->exist->index_refresh);
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        return refresh;
    return refresh - refresh / 10 + (int64_t)((double)refresh / 5 * (random / 4294967296.0));
}

/* Locked. What is known of a store that is still wanted goes on. */
static void adopt(struct index_thread *t)
{
    int64_t latest = clock_now() + next_wait(t);
    for (size_t i = 0; i < t->n_tasks; i++) {
        struct task *old = &t->task[i];
        size_t j = 0;
        while (j < t->n_wanted && t->wanted[j].store != old->store)
            j++;
        if (j == t->n_wanted) {
            let_go(t, old);
            continue;
        }
        t->wanted[j] = *old;
        t->wanted[j].due = old->due < latest ? old->due : latest;
    }
    free(t->task);
    t->task = t->wanted;
    t->n_tasks = t->n_wanted;
    t->wanted = NULL;
}

/* Not locked. Nothing is loaded before what was replaced has been freed: there are never three of
 * a store's sets. Returns when to come again. */
static int64_t poll_due(struct index_thread *t)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < t->n_tasks && !atomic_load(&t->stop); i++) {
        struct task *k = &t->task[i];
        if (index_collect(&t->exist->indexes))
            return clock_now() + COLLECT_EVERY;
        if (k->due <= clock_now()) {
            poll_store(t, k);
            k->due = clock_now() + next_wait(t);
        }
        next = k->due < next ? k->due : next;
    }
    return index_collect(&t->exist->indexes) ? clock_now() + COLLECT_EVERY : next;
}

static void *work(void *argument)
{
    struct index_thread *t = argument;
    pthread_mutex_lock(&t->lock);
    while (!atomic_load(&t->stop)) {
        if (t->wanted != NULL)
            adopt(t);
        pthread_mutex_unlock(&t->lock);
        int64_t due = poll_due(t);
        pthread_mutex_lock(&t->lock);
        if (t->wanted == NULL && !atomic_load(&t->stop))
            thread_wait(&t->wake, &t->lock, due);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* ── For the control thread ── */

struct index_thread *index_thread_new(struct exist *e)
{
    struct index_thread *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->exist = e;
    pthread_mutex_init(&t->lock, NULL);
    thread_condition(&t->wake);
    return t;
}

void index_thread_free(struct index_thread *t)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->stop, true);
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    if (t->started)
        pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    free(t->wanted);
    free(t->task);
    free(t);
}

static struct task *new_tasks(const uint32_t *stores, size_t n, size_t *n_tasks)
{
    struct task *task = calloc(n + 1, sizeof(*task));
    *n_tasks = 0;
    for (size_t i = 0; task != NULL && i < n; i++) {
        size_t j = 0;
        while (j < *n_tasks && task[j].store != stores[i])
            j++;
        if (j == *n_tasks) /* two stores may have one URL */
            task[(*n_tasks)++] = (struct task){.store = stores[i], .failure = NO_FAILURE};
    }
    return task;
}

bool index_thread_follow(struct index_thread *t, const uint32_t *stores, size_t n)
{
    const struct thread_options options = {.name = "indexes", .cpu = -1};
    size_t n_tasks;
    struct task *task = new_tasks(stores, n, &n_tasks);
    if (task != NULL) {
        pthread_mutex_lock(&t->lock);
        free(t->wanted);
        t->wanted = task;
        t->n_wanted = n_tasks;
        pthread_cond_signal(&t->wake);
        pthread_mutex_unlock(&t->lock);
        if (!t->started)
            t->started = thread_start(&t->thread, &options, work, t) == 0;
    }
    if (task != NULL && t->started)
        return true;
    log_error("the indexes of stores are not used: %s",
              task == NULL ? "out of memory" : "no thread to be had");
    return false;
}
