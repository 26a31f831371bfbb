#include "mirror/crew.h"

#include "sys/clock.h"
#include "sys/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 64
#define PATIENCE (200 * CLOCK_MS) /* how late a stop is noticed */
#define FIRST_BOUND 8
#define CALM (1 * CLOCK_S) /* a bound is not halved twice for one complaint */

/* Tasks by weight, to a power of two: exact order is not worth a heap. */
struct queue {
    struct crew_queue_options options;
    struct crew_task *first[BUCKETS];
    struct crew_task **end[BUCKETS];
    uint64_t filled; /* a bit for each bucket */
    uint64_t waiting;
    unsigned running;
    unsigned running_light;
    double bound;
    int64_t halved;
    uint64_t throttled;
};

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const atomic_bool *stop;
    struct queue queue[CREW_QUEUES_MAX];
    size_t n_queues;
    struct crew_task *later; /* that come back, by when */
    unsigned running;
    unsigned threads;
    bool failed; /* a thread got no client */
    const char *why;
};

/* ── Queues, with the lock held ── */

static unsigned bucket_of(const struct queue *q, const struct crew_task *t)
{
    if (!q->options.by_weight || t->weight <= 0)
        return 0;
    return 63U - (unsigned)__builtin_clzll((unsigned long long)t->weight);
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

static struct crew_task *take_from(struct queue *q, unsigned b)
{
    struct crew_task *t = q->first[b];
    q->first[b] = t->next;
    if (q->first[b] == NULL) {
        q->end[b] = &q->first[b];
        q->filled &= ~(UINT64_C(1) << b);
    }
    q->waiting--;
    return t;
}

static bool has_next(const struct queue *q)
{
    return q->filled != 0 && q->running < (unsigned)q->bound;
}

static struct crew_task *take_next(struct queue *q)
{
    if (!has_next(q))
        return NULL;
    bool light = q->running_light < q->options.light;
    unsigned lowest = (unsigned)__builtin_ctzll(q->filled);
    unsigned highest = 63U - (unsigned)__builtin_clzll(q->filled);
    struct crew_task *t = take_from(q, light ? lowest : highest);
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

static struct crew_task *take(struct crew *c)
{
    for (size_t i = 0; i < c->n_queues; i++) {
        struct crew_task *t = take_next(&c->queue[i]);
        if (t != NULL)
            return t;
    }
    return NULL;
}

/* Waking a thread that finds nothing costs as much as a small task. */
static void wake_for_next(struct crew *c)
{
    for (size_t i = 0; i < c->n_queues; i++)
        if (has_next(&c->queue[i])) {
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

/* One more at once after each round of successes, half as many after a complaint. */
static void adapt(struct queue *q, bool throttled, int64_t now)
{
    q->throttled += throttled;
    if (!throttled) {
        q->bound += 1 / q->bound;
        if (q->bound > q->options.at_once)
            q->bound = q->options.at_once;
    } else if (now - q->halved > CALM) {
        q->bound = q->bound > 2 ? q->bound / 2 : 1;
        q->halved = now;
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
    c->running++;
    pthread_mutex_unlock(&c->lock);
    t->run(t, client, &result);
    pthread_mutex_lock(&c->lock);
    int64_t now = clock_now();
    c->running--;
    q->running--;
    q->running_light -= light;
    adapt(q, result.throttled, now);
    if (result.verdict == CREW_AGAIN) {
        t->due = now + result.after * CLOCK_MS;
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

struct crew *crew_new(unsigned threads, const struct crew_queue_options *queues, size_t n_queues,
                      const atomic_bool *stop)
{
    struct crew *c = calloc(1, sizeof(*c));
    assert(n_queues <= CREW_QUEUES_MAX);
    if (c == NULL)
        return NULL;
    c->stop = stop;
    c->threads = threads;
    c->n_queues = n_queues;
    for (size_t i = 0; i < n_queues; i++) {
        struct queue *q = &c->queue[i];
        q->options = queues[i];
        q->bound = queues[i].at_once < FIRST_BOUND ? queues[i].at_once : FIRST_BOUND;
        for (unsigned b = 0; b < BUCKETS; b++)
            q->end[b] = &q->first[b];
    }
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
            drop(take_from(&c->queue[i], (unsigned)__builtin_ctzll(c->queue[i].filled)));
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
    *out = (struct crew_status){q->waiting, q->running, (unsigned)q->bound, q->throttled};
    for (const struct crew_task *t = c->later; t != NULL; t = t->next)
        out->waiting += t->queue == queue;
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
