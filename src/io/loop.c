#include "io/loop.h"

#include "io/stream.h"
#include "sys/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SOURCE_MAGIC 0x736f7572U
#define BATCH 256
#define REST_MS 100

int loop_open(struct loop *l, void (*expired)(struct wheel_timer *timer))
{
    *l = (struct loop){.epoll = -1, .expired = expired, .now = clock_now()};
    l->tasks_end = &l->tasks;
    l->input = malloc(STREAM_HEADROOM + STREAM_INPUT);
    if (l->input == NULL)
        return ENOMEM;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        int error = errno;
        loop_close(l);
        return error;
    }
    wheel_init(&l->wheel, l->now);
    return 0;
}

void loop_close(struct loop *l)
{
    if (l->epoll >= 0)
        close(l->epoll);
    l->epoll = -1;
    free(l->input);
    free(l->cipher);
    tls_io_free(l->tls);
    l->input = l->cipher = NULL;
    l->tls = NULL;
}

int loop_watch(struct loop *l, struct loop_source *source, uint32_t events)
{
    source->magic = SOURCE_MAGIC;
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0 ? 0 : errno;
}

void loop_unwatch(struct loop *l, struct loop_source *source)
{
    struct epoll_event event = {0};
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, source->fd, &event);
}

void loop_rest(struct loop *l, struct loop_source *source)
{
    if (source->resting)
        return;
    loop_unwatch(l, source);
    source->resting = true;
    source->next = l->resting;
    l->resting = source;
    l->rested = l->now + REST_MS * CLOCK_MS;
}

static void wake_resting(struct loop *l)
{
    if (l->resting == NULL || l->now < l->rested)
        return;
    for (struct loop_source *s = l->resting; s != NULL; s = s->next) {
        s->resting = false;
        if (s->fd >= 0)
            loop_watch(l, s, EPOLLIN);
    }
    l->resting = NULL;
}

void loop_defer(struct loop *l, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    *l->tasks_end = task;
    l->tasks_end = &task->next;
}

void loop_run_deferred(struct loop *l)
{
    struct loop_task *task = l->tasks;
    l->tasks = NULL;
    l->tasks_end = &l->tasks;
    while (task != NULL) {
        struct loop_task *next = task->next; /* running it may release it */
        task->queued = false;
        task->run(task);
        task = next;
    }
}

/* How long nothing has to be done that no descriptor announces. */
static int wait_time(const struct loop *l, int most_ms)
{
    if (l->tasks != NULL)
        return 0;
    int64_t most = (int64_t)most_ms * CLOCK_MS;
    if (l->resting != NULL && most > REST_MS * CLOCK_MS)
        most = REST_MS * CLOCK_MS;
    int64_t next = wheel_next(&l->wheel);
    if (next < l->now + most)
        most = next > l->now ? next - l->now : 0;
    return (int)((most + CLOCK_MS - 1) / CLOCK_MS);
}

void loop_turn(struct loop *l, int wait_ms)
{
    struct epoll_event event[BATCH];
    int n = epoll_wait(l->epoll, event, BATCH, wait_time(l, wait_ms));
    l->now = clock_now();
    for (int i = 0; i < n; i++) {
        struct loop_source *source = event[i].data.ptr;
        assert(source->magic == SOURCE_MAGIC);
        source->ready(source, event[i].events);
    }
    if (l->now / WHEEL_TICK >= l->wheel.tick) {
        struct wheel_timer *timer;
        while ((timer = wheel_expire(&l->wheel, l->now)) != NULL)
            l->expired(timer);
    }
    wake_resting(l);
    loop_run_deferred(l);
}
