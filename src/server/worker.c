#include "server/worker.h"

#include "io/tls_memory.h"
#include "server/conn.h"
#include "server/decide_listener.h"
#include "sys/log.h"
#include "sys/thread.h"
#include "sys/wake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define STACK (256 * 1024)
#define IDLE_MS 60000
#define TURN_ANSWERS 256 /* of the prober: the clock stands still meanwhile, and others wait */
#define SMALL_MAX 32768  /* buffers: reserved addresses, not memory */
#define LARGE_MAX 2048
#define REQUESTS_MAX 32768

/* ── What the other threads say ── */

static void each_conn(struct worker *w, void (*what)(struct conn *c))
{
    for (struct conn *c = w->conn; c != NULL; c = c->next)
        what(c);
}

static bool wants_the_same(const struct generation *a, const struct generation *b)
{
    return a->wanted.id == b->wanted.id && a->asked.id == b->asked.id;
}

/* Of a request of HTTP/2 that waits, those fields were kept that the old rules look at: by other
 * rules it could not be told from one that never had the fields which they ask for. So it is
 * answered by the old ones, as if its time to wait were over. */
static void use_generation(struct worker *w)
{
    struct generation *g = __atomic_load_n(&w->shared->generation, __ATOMIC_ACQUIRE);
    if (g == w->generation)
        return;
    if (w->generation != NULL && !wants_the_same(w->generation, g))
        each_conn(w, conn_hurry);
    w->generation = g;
    w->answered = generation_answered(g, w->number);
    __atomic_store_n(&w->seen, g->number, __ATOMIC_RELEASE);
}

static void woken(struct loop_source *source, uint32_t events)
{
    (void)events;
    wake_hear(source->fd);
}

static void answers_came(struct loop_source *source, uint32_t events)
{
    struct worker *w = (struct worker *)(void *)((char *)source - offsetof(struct worker, exist));
    struct exist_waiter *waiter;
    (void)events;
    for (unsigned n = 0; n < TURN_ANSWERS; n++) {
        waiter = exist_collect(w->shared->exist, w->number);
        if (waiter == NULL)
            return;
        conn_answered(waiter);
    }
}

void worker_wake(struct worker *w)
{
    wake_send(w->wake.fd);
}

/* ── The end ── */

static void stop_listening(struct worker *w)
{
    for (size_t i = 0; i < w->shared->n_listeners; i++) {
        while (listener_accept(&w->listener[i]))
            ;
        listener_close(&w->listener[i]);
    }
}

/* Goes as far in ending as the control thread says. */
static void follow_phase(struct worker *w)
{
    int phase = __atomic_load_n(&w->shared->phase, __ATOMIC_ACQUIRE);
    if (phase == w->phase)
        return;
    if (phase >= WORKER_REFUSE && w->phase < WORKER_REFUSE)
        for (size_t i = 0; i < w->shared->n_listeners; i++)
            listener_refuse(&w->listener[i]);
    if (phase >= WORKER_DRAIN && w->phase < WORKER_DRAIN)
        stop_listening(w);
    w->phase = phase;
    each_conn(w, phase == WORKER_END ? conn_close : conn_drain);
}

/* ── The thread ── */

static void *work(void *argument)
{
    struct worker *w = argument;
    tls_memory_keep(&w->blocks);
    while (w->phase < WORKER_DRAIN || w->conn != NULL) {
        loop_turn(&w->loop, IDLE_MS);
        if (w->ring != NULL)
            access_publish(w->ring);
        use_generation(w);
        exist_pass(w->shared->exist, w->number);
        follow_phase(w);
    }
    __atomic_store_n(&w->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void accepted(struct listener *l, struct listener_socket socket, const struct addr *peer)
{
    struct worker *w = l->owner;
    conn_accept(w, socket, peer, (uint16_t)(l - w->listener));
}

static void shed(struct listener *l)
{
    struct worker *w = l->owner;
    counters_add(&w->counters.shed, 1);
}

static bool open_memory(struct worker *w)
{
    w->output = malloc(WORKER_OUTPUT);
    if (w->shared->decides)
        w->decide = decide_listener_new();
    return w->output != NULL && (w->decide != NULL || !w->shared->decides) &&
           slab_open(&w->conns, sizeof(struct conn), w->shared->max_connections) &&
           slab_open(&w->requests, sizeof(struct h2_request), REQUESTS_MAX) &&
           pool_open(&w->pool, SMALL_MAX, LARGE_MAX);
}

static bool open_sources(struct worker *w)
{
    if (loop_open(&w->loop, stream_expired) != 0)
        return false;
    w->loop.pool = &w->pool;
    w->wake = (struct loop_source){.fd = wake_open(), .ready = woken};
    w->exist =
        (struct loop_source){.fd = exist_fd(w->shared->exist, w->number), .ready = answers_came};
    bool ok = w->wake.fd >= 0 && loop_watch(&w->loop, &w->wake, EPOLLIN) == 0 &&
              loop_watch(&w->loop, &w->exist, EPOLLIN) == 0;
    for (size_t i = 0; ok && i < w->shared->n_listeners; i++) {
        struct listener *l = &w->listener[i];
        l->loop = &w->loop;
        l->owner = w;
        l->accepted = accepted;
        l->shed = shed;
        ok = listener_start(l) == 0;
    }
    return ok;
}

bool worker_open(struct worker *w, unsigned number)
{
    w->number = number;
    if (w->shared->log != NULL)
        w->ring = access_ring(w->shared->log, number);
    if (open_memory(w) && open_sources(w)) {
        use_generation(w);
        return true;
    }
    log_error("worker %u cannot start: not enough memory or descriptors", number);
    return false;
}

bool worker_start(struct worker *w, int cpu)
{
    char name[32];
    snprintf(name, sizeof(name), "worker-%u", w->number);
    const struct thread_options options = {.name = name, .stack = STACK, .cpu = cpu};
    w->started = thread_start(&w->thread, &options, work, w) == 0;
    if (!w->started)
        log_error("worker %u cannot start: no thread to be had", w->number);
    return w->started;
}

void worker_close(struct worker *w)
{
    if (w->started)
        pthread_join(w->thread, NULL);
    for (size_t i = 0; w->listener != NULL && i < w->shared->n_listeners; i++)
        listener_close(&w->listener[i]);
    free(w->listener);
    if (w->wake.fd >= 0)
        close(w->wake.fd);
    loop_close(&w->loop);
    slab_close(&w->conns);
    slab_close(&w->requests);
    pool_close(&w->pool);
    blocks_release(&w->blocks);
    free(w->decide);
    free(w->output);
}
