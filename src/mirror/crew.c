#include "mirror/crew.h"

#include "mirror/bound.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 64
#define PATIENCE (200 * CLOCK_MS) /* how late a stop is noticed */
#define FIRST_PLACES 8
#define LOOK 32 /* tasks of a bucket that are looked at for one whose servers have places */

/* Tasks by weight, to a power of two: exact order is not worth a heap. Without weights by their
 * first server, so that one server's do not stand before another's. */
struct queue {
    struct crew_queue_options options;
    struct crew_task *first[BUCKETS];
    struct crew_task **end[BUCKETS];
    uint64_t filled; /* a bit for each bucket */
    uint64_t waiting;
    unsigned running;
    unsigned running_light;
    unsigned last; /* bucket that was taken from, without weights */
};

struct server {
    struct bound bound;
    unsigned running;
    uint64_t throttled;
};

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const atomic_bool *stop;
    struct queue queue[CREW_QUEUES_MAX];
    size_t n_queues;
    struct server server[CREW_SERVERS_MAX];
    size_t n_servers;
    struct crew_task *later; /* that come back, by when */
    unsigned running;
    unsigned threads;
    bool failed; /* a thread got no client */
    const char *why;
};

/* ── Queues, with the lock held ── */

static unsigned bucket_of(const struct queue *q, const struct crew_task *t)
{
    if (!q->options.by_weight)
        return t->servers != 0 ? (unsigned)__builtin_ctz(t->servers) : 0;
    return t->weight > 0 ? 63U - (unsigned)__builtin_clzll((unsigned long long)t->weight) : 0;
}

static void put(struct queue *q, struct crew_task *t)
{
    unsigned b = bucket_of(q, t);
    t->next = NULL;
    *q->end[b] = t;
    q->end[b] = &t->next;
    q->filled |= UINT64_C(1) << b;
    q->waiting++;
}

static void unlink_task(struct queue *q, unsigned b, struct crew_task **link)
{
    struct crew_task *t = *link;
    *link = t->next;
    if (t->next == NULL)
        q->end[b] = link;
    if (q->first[b] == NULL)
        q->filled &= ~(UINT64_C(1) << b);
    q->waiting--;
}

/* NULL: none of those that are looked at is without a server that is full. */
static struct crew_task *take_from(struct queue *q, unsigned b, uint32_t full)
{
    struct crew_task **link = &q->first[b];
    for (unsigned i = 0; *link != NULL && i < LOOK; i++, link = &(*link)->next) {
        struct crew_task *t = *link;
        if ((t->servers & full) != 0)
            continue;
        unlink_task(q, b, link);
        return t;
    }
    return NULL;
}

/* By weight the least or the greatest, else the one behind the last that was taken from. */
static unsigned choose(const struct queue *q, uint64_t buckets, bool light)
{
    if (!q->options.by_weight) {
        uint64_t behind = buckets & ~((UINT64_C(2) << q->last) - 1);
        return (unsigned)__builtin_ctzll(behind != 0 ? behind : buckets);
    }
    return light ? (unsigned)__builtin_ctzll(buckets) : 63U - (unsigned)__builtin_clzll(buckets);
}

static struct crew_task *take_next(struct queue *q, uint32_t full)
{
    if (q->running >= q->options.at_once)
        return NULL;
    bool light = q->running_light < q->options.light && 2 * q->running_light <= q->running;
    struct crew_task *t = NULL;
    for (uint64_t left = q->filled; left != 0 && t == NULL;) {
        unsigned b = choose(q, left, light);
        left &= ~(UINT64_C(1) << b);
        t = take_from(q, b, full);
        q->last = b;
    }
    if (t == NULL)
        return NULL;
    t->light = light;
    q->running++;
    q->running_light += light;
    return t;
}

static void put_later(struct crew *c, struct crew_task *t)
{
    struct crew_task **link = &c->later;
    while (*link != NULL && (*link)->due <= t->due)
        link = &(*link)->next;
    t->next = *link;
    *link = t;
}

static void wake_due(struct crew *c, int64_t now)
{
    while (c->later != NULL && c->later->due <= now) {
        struct crew_task *t = c->later;
        c->later = t->next;
        put(&c->queue[t->queue], t);
    }
}

static uint32_t full_servers(const struct crew *c)
{
    uint32_t full = 0;
    for (size_t i = 0; i < c->n_servers; i++)
        if (c->server[i].running >= bound_places(&c->server[i].bound))
            full |= UINT32_C(1) << i;
    return full;
}

static struct crew_task *take(struct crew *c)
{
    uint32_t full = full_servers(c);
    for (size_t i = 0; i < c->n_queues; i++) {
        struct crew_task *t = take_next(&c->queue[i], full);
        if (t != NULL)
            return t;
    }
    return NULL;
}

/* Of the first of its tasks of each kind: there is no need to know for sure. */
static bool has_next(const struct queue *q, uint32_t full)
{
    if (q->running >= q->options.at_once)
        return false;
    for (uint64_t left = q->filled; left != 0; left &= left - 1)
        if ((q->first[__builtin_ctzll(left)]->servers & full) == 0)
            return true;
    return false;
}

/* Waking a thread that finds nothing costs as much as a small task. */
static void wake_for_next(struct crew *c)
{
    uint32_t full = full_servers(c);
    for (size_t i = 0; i < c->n_queues; i++)
        if (has_next(&c->queue[i], full)) {
            pthread_cond_signal(&c->changed);
            return;
        }
}

static bool is_finished(const struct crew *c)
{
    bool waiting = c->later != NULL || c->running > 0;
    for (size_t i = 0; i < c->n_queues; i++)
        waiting |= c->queue[i].waiting > 0;
    return !waiting;
}

static void enter(struct crew *c, uint32_t servers)
{
    c->running++;
    for (size_t i = 0; i < c->n_servers; i++)
        c->server[i].running += servers >> i & 1;
}

static void leave(struct crew *c, uint32_t servers, const struct crew_result *r, int64_t begun)
{
    int64_t now = clock_now();
    c->running--;
    for (size_t i = 0; i < c->n_servers; i++) {
        struct server *s = &c->server[i];
        if (r->throttled >> i & 1) {
            s->throttled++;
            bound_complaint(&s->bound, begun, now);
        } else if (r->answered >> i & 1) {
            bound_answer(&s->bound, s->running, r->delay[i], now);
        }
        s->running -= servers >> i & 1;
    }
}

/* ── Threads ── */

static void wait_a_little(struct crew *c)
{
    int64_t until = clock_now() + PATIENCE;
    if (c->later != NULL && c->later->due < until)
        until = c->later->due;
    thread_wait(&c->changed, &c->lock, until);
}

static void run_one(struct crew *c, struct crew_task *t, struct exchange_client *client)
{
    struct queue *q = &c->queue[t->queue];
    struct crew_result result = {.verdict = CREW_DONE};
    bool light = t->light;
    uint32_t servers = t->servers;
    int64_t begun = clock_now();
    enter(c, servers);
    pthread_mutex_unlock(&c->lock);
    t->run(t, client, &result);
    pthread_mutex_lock(&c->lock);
    leave(c, servers, &result, begun);
    q->running--;
    q->running_light -= light;
    if (result.verdict == CREW_AGAIN) {
        t->due = clock_now() + result.after * CLOCK_MS;
        put_later(c, t);
        pthread_cond_signal(&c->changed); /* somebody has to wait for it */
    }
}

static void *work(void *argument)
{
    struct crew *c = argument;
    const char *why;
    struct exchange_client *client = exchange_client_new(c->stop, &why);
    pthread_mutex_lock(&c->lock);
    if (client == NULL) {
        c->failed = true;
        c->why = why;
    }
    while (!c->failed && !atomic_load(c->stop) && !is_finished(c)) {
        wake_due(c, clock_now());
        struct crew_task *t = take(c);
        if (t != NULL) {
            wake_for_next(c); /* who does the same: as many wake up as there is work for */
            run_one(c, t, client);
        } else {
            wait_a_little(c);
        }
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    exchange_client_free(client);
    return NULL;
}

/* ── For the owner ── */

void crew_answer(struct crew_result *result, unsigned server, bool throttled, int64_t delay)
{
    assert(server < CREW_SERVERS_MAX);
    result->answered |= UINT32_C(1) << server;
    result->throttled |= (uint32_t)throttled << server;
    result->delay[server] = delay;
}

static void init_queues(struct crew *c, const struct crew_options *o)
{
    assert(o->n_queues <= CREW_QUEUES_MAX && o->n_servers <= CREW_SERVERS_MAX);
    c->n_queues = o->n_queues;
    for (size_t i = 0; i < o->n_queues; i++) {
        c->queue[i].options = o->queues[i];
        for (unsigned b = 0; b < BUCKETS; b++)
            c->queue[i].end[b] = &c->queue[i].first[b];
    }
    c->n_servers = o->n_servers;
    for (size_t i = 0; i < o->n_servers; i++)
        bound_begin(&c->server[i].bound, FIRST_PLACES, o->places[i]);
}

struct crew *crew_new(const struct crew_options *options)
{
    struct crew *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->stop = options->stop;
    c->threads = options->threads;
    init_queues(c, options);
    pthread_mutex_init(&c->lock, NULL);
    thread_condition(&c->changed);
    return c;
}

void crew_add(struct crew *c, unsigned queue, struct crew_task *task)
{
    assert(queue < c->n_queues);
    task->queue = queue;
    pthread_mutex_lock(&c->lock);
    put(&c->queue[queue], task);
    wake_for_next(c);
    pthread_mutex_unlock(&c->lock);
}

/* Somebody may be looking at the status meanwhile. */
static void drop_all(struct crew *c, void (*drop)(struct crew_task *task))
{
    pthread_mutex_lock(&c->lock);
    wake_due(c, INT64_MAX);
    for (size_t i = 0; i < c->n_queues; i++)
        while (c->queue[i].filled != 0)
            drop(take_from(&c->queue[i], (unsigned)__builtin_ctzll(c->queue[i].filled), 0));
    pthread_mutex_unlock(&c->lock);
}

bool crew_run(struct crew *c, void (*drop)(struct crew_task *task), const char **why)
{
    const struct thread_options options = {.name = "geranos", .cpu = -1};
    pthread_t *thread = calloc(c->threads, sizeof(*thread));
    unsigned started = 0;
    c->why = "out of memory or threads";
    while (thread != NULL && started < c->threads &&
           thread_start(&thread[started], &options, work, c) == 0)
        started++;
    for (unsigned i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    c->failed |= started == 0;
    free(thread);
    drop_all(c, drop);
    *why = c->why;
    return !c->failed;
}

void crew_status(struct crew *c, unsigned queue, struct crew_status *out)
{
    const struct queue *q = &c->queue[queue];
    pthread_mutex_lock(&c->lock);
    *out = (struct crew_status){q->waiting, q->running};
    for (const struct crew_task *t = c->later; t != NULL; t = t->next)
        out->waiting += t->queue == queue;
    pthread_mutex_unlock(&c->lock);
}

void crew_server(struct crew *c, unsigned server, struct crew_server *out)
{
    const struct server *s = &c->server[server];
    assert(server < c->n_servers);
    pthread_mutex_lock(&c->lock);
    *out = (struct crew_server){s->running, bound_places(&s->bound), s->throttled};
    pthread_mutex_unlock(&c->lock);
}

void crew_free(struct crew *c)
{
    if (c == NULL)
        return;
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
