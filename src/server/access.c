#include "server/access.h"

#include "base/buf.h"
#include "server/access_format.h"
#include "server/access_sink.h"
#include "sys/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RING_SIZE (1U << 20)
#define OUTPUT_SIZE 65536
#define STACK (128 * 1024)
#define PAUSE_NS 4000000L    /* between two looks: lines are written in batches */
#define MUCH (RING_SIZE / 4) /* since the last look: then there is no pause */
#define PATH_MAX_LOGGED 8192
#define NAME_MAX_LOGGED 128
#define HOST_MAX_LOGGED 261 /* the longest name of DNS, and a port */
#define AGENT_MAX_LOGGED 512

/* Each record in a ring begins with its size; a size of 0 says that the next is at the front. */
struct access_ring {
    struct access_log *log;
    char *memory;
    uint64_t put;  /* the worker's: behind the last record */
    uint64_t told; /* the worker's: what `head` was last set to */
    uint64_t dropped;
    _Alignas(64) uint64_t head; /* atomic: records before it are whole */
    _Alignas(64) uint64_t tail; /* atomic: records before it have been read */
};

struct access_log {
    struct access_ring *ring;
    unsigned workers;
    struct access_sink sink;
    int sleeping;  /* atomic: the thread rests */
    int stop;      /* atomic */
    uint64_t lost; /* lines the sink did not take */
    pthread_t thread;
    struct access_format format;
    char output[OUTPUT_SIZE];
};

/* ── The workers' side ── */

struct access_ring *access_ring(struct access_log *log, unsigned worker)
{
    return &log->ring[worker];
}

static struct str cut(struct str s, size_t max)
{
    return str_make(s.data, s.len < max ? s.len : max);
}

/* Room for a record, whole; NULL if there is none. */
static char *reserve(struct access_ring *ring, size_t size)
{
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    size_t at = ring->put % RING_SIZE;
    size_t skip = at + size > RING_SIZE ? RING_SIZE - at : 0;
    if (ring->put + skip + size - tail > RING_SIZE)
        return NULL;
    if (skip > 0) {
        memset(ring->memory + at, 0, sizeof(uint32_t));
        ring->put += skip;
        at = 0;
    }
    ring->put += size;
    return ring->memory + at;
}

void access_put(struct access_ring *ring, const struct access_record *record)
{
    struct access_record r = *record;
    r.path = cut(r.path, PATH_MAX_LOGGED);
    r.user_agent = cut(r.user_agent, AGENT_MAX_LOGGED);
    r.host = cut(r.host, HOST_MAX_LOGGED);
    struct str *text[] = {&r.cloud, &r.region, &r.method,     &r.host, &r.path,
                          &r.route, &r.store,  &r.user_agent, &r.trace};
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        if (text[i] != &r.path && text[i] != &r.user_agent && text[i] != &r.host)
            *text[i] = cut(*text[i], NAME_MAX_LOGGED);
    size_t size = sizeof(uint64_t) + sizeof(r);
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        size += text[i]->len;
    size = (size + 7) / 8 * 8;

    char *to = reserve(ring, size);
    if (to == NULL) {
        __atomic_store_n(&ring->dropped, ring->dropped + 1, __ATOMIC_RELAXED);
        return;
    }
    uint32_t size32 = (uint32_t)size;
    memcpy(to, &size32, sizeof(size32));
    char *body = to + sizeof(uint64_t) + sizeof(r);
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
        if (text[i]->len > 0)
            memcpy(body, text[i]->data, text[i]->len);
        text[i]->data = body;
        body += text[i]->len;
    }
    memcpy(to + sizeof(uint64_t), &r, sizeof(r));
}

void access_publish(struct access_ring *ring)
{
    if (ring->told == ring->put)
        return;
    ring->told = ring->put;
    /* Either this side sees that the thread sleeps, or the thread sees the new head. */
    __atomic_store_n(&ring->head, ring->put, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ring->log->sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&ring->log->sleeping, 0, __ATOMIC_SEQ_CST))
        access_sink_wake(&ring->log->sink);
}

uint64_t access_dropped(const struct access_log *log)
{
    uint64_t n = __atomic_load_n(&log->lost, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < log->workers; i++)
        n += __atomic_load_n(&log->ring[i].dropped, __ATOMIC_RELAXED);
    return n;
}

/* ── The thread ── */

static void flush(struct access_log *log, struct buf *out)
{
    uint64_t lost = access_sink_write(&log->sink, out->data, out->len);
    if (lost > 0)
        __atomic_store_n(&log->lost, log->lost + lost, __ATOMIC_RELAXED);
    out->len = 0;
}

/* How many bytes of the ring were used. */
static uint64_t drain_ring(struct access_log *log, struct access_ring *ring, struct buf *out)
{
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_SEQ_CST);
    uint64_t tail = ring->tail, begun = tail;
    while (tail != head) {
        const char *at = ring->memory + tail % RING_SIZE;
        uint32_t size;
        memcpy(&size, at, sizeof(size));
        if (size == 0) {
            tail += RING_SIZE - tail % RING_SIZE;
            continue;
        }
        struct access_record record;
        memcpy(&record, at + sizeof(uint64_t), sizeof(record));
        if (out->size - out->len < access_format_bound(&record))
            flush(log, out);
        access_format_line(&log->format, out, &record);
        tail += size;
        __atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
    }
    return tail - begun;
}

/* Of the ring that held most. */
static uint64_t drain_all(struct access_log *log)
{
    struct buf out = buf_make(log->output, OUTPUT_SIZE);
    uint64_t most = 0;
    for (unsigned i = 0; i < log->workers; i++) {
        uint64_t used = drain_ring(log, &log->ring[i], &out);
        most = used > most ? used : most;
    }
    flush(log, &out);
    return most;
}

static void *work(void *argument)
{
    struct access_log *log = argument;
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    for (;;) {
        bool stop = __atomic_load_n(&log->stop, __ATOMIC_ACQUIRE);
        uint64_t used = drain_all(log);
        if (used > 0) {
            if (!stop && used < MUCH)
                nanosleep(&pause, NULL);
            continue;
        }
        if (stop)
            return NULL;
        __atomic_store_n(&log->sleeping, 1, __ATOMIC_SEQ_CST);
        if (drain_all(log) > 0 || __atomic_load_n(&log->stop, __ATOMIC_SEQ_CST))
            __atomic_store_n(&log->sleeping, 0, __ATOMIC_SEQ_CST);
        else
            access_sink_rest(&log->sink);
    }
}

/* ── The control thread's side ── */

static void release(struct access_log *log)
{
    for (unsigned i = 0; log->ring != NULL && i < log->workers; i++)
        free(log->ring[i].memory);
    free(log->ring);
    access_sink_close(&log->sink);
    free(log);
}

static bool make_rings(struct access_log *log)
{
    log->ring = aligned_alloc(64, log->workers * sizeof(*log->ring));
    if (log->ring == NULL)
        return false;
    memset(log->ring, 0, log->workers * sizeof(*log->ring));
    bool ok = true;
    for (unsigned i = 0; i < log->workers; i++) {
        log->ring[i].log = log;
        log->ring[i].memory = malloc(RING_SIZE);
        ok &= log->ring[i].memory != NULL;
    }
    return ok;
}

struct access_log *access_open(const char *target, unsigned workers, int *error)
{
    struct access_log *log = calloc(1, sizeof(*log));
    *error = ENOMEM;
    if (log == NULL)
        return NULL;
    log->workers = workers;
    const struct thread_options options = {.name = "access-log", .stack = STACK, .cpu = -1};
    int failed = access_sink_open(&log->sink, target);
    if (failed != 0)
        *error = failed;
    else if (make_rings(log))
        *error = thread_start(&log->thread, &options, work, log);
    if (*error == 0)
        return log;
    release(log);
    return NULL;
}

int access_reopen(struct access_log *log, const char *target)
{
    return access_sink_reopen(&log->sink, target);
}

void access_close(struct access_log *log)
{
    if (log == NULL)
        return;
    __atomic_store_n(&log->stop, 1, __ATOMIC_SEQ_CST);
    access_sink_hurry(&log->sink);
    pthread_join(log->thread, NULL);
    release(log);
}
