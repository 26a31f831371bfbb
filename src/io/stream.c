#include "io/stream.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWNER(pointer, member)                                                                     \
    ((struct stream *)(void *)((char *)(pointer)-offsetof(struct stream, member)))

/* recv() and send() are cancellation points: in a program of several threads the C library wraps
 * each call in a change of state, a twentieth of what a request costs outside the kernel. No thread
 * here is ever cancelled. */
static ssize_t raw_recv(int fd, char *data, size_t len)
{
    return syscall(SYS_recvfrom, fd, data, len, 0, NULL, NULL);
}

static ssize_t raw_send(int fd, const char *data, size_t len)
{
    return syscall(SYS_sendto, fd, data, len, MSG_NOSIGNAL, NULL, 0);
}

/* One recv. A short one has emptied the socket: what comes later is a new edge, so that there is
 * no second call only to be told so. */
static bool receive(struct stream *s)
{
    char *data = s->loop->input + STREAM_HEADROOM;
    ssize_t n = raw_recv(s->source.fd, data, STREAM_INPUT);
    if (n > 0) {
        s->readable = n == STREAM_INPUT || s->finished;
        s->events->received(s, data, (size_t)n);
        if (s->readable && !s->paused && !s->closed)
            loop_defer(s->loop, &s->task);
        return true;
    }
    s->readable = false;
    if (n == 0)
        s->events->ended(s);
    else if (errno == EINTR)
        s->readable = true;
    else if (errno != EAGAIN)
        s->events->broken(s);
    return false;
}

static void push(struct stream *s)
{
    long n = stream_send(s, s->rest, s->rest_len);
    if (n < 0) {
        s->events->broken(s);
        return;
    }
    s->rest += n;
    s->rest_len -= (size_t)n;
    if (s->rest_len == 0)
        s->events->sent(s);
}

static void ready(struct loop_source *source, uint32_t events)
{
    struct stream *s = OWNER(source, source);
    if (s->closed)
        return;
    if (events & EPOLLERR) {
        s->events->broken(s);
        return;
    }
    if (events & EPOLLRDHUP)
        s->finished = true;
    if (events & EPOLLOUT && s->rest_len > 0)
        push(s);
    if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) || s->closed)
        return;
    s->readable = true;
    if (!s->paused)
        receive(s);
}

static void again(struct loop_task *task)
{
    struct stream *s = OWNER(task, task);
    if (s->closed)
        s->events->gone(s);
    else if (s->readable && !s->paused)
        receive(s);
}

int stream_open(struct stream *s, struct loop *loop, struct listener_socket socket,
                const struct stream_events *events)
{
    *s = (struct stream){
        .source = {.fd = socket.fd, .ready = ready},
        .task = {.run = again},
        .loop = loop,
        .events = events,
    };
    int error = loop_watch(loop, &s->source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    if (error != 0)
        close(socket.fd);
    return error;
}

long stream_send(struct stream *s, const char *data, size_t len)
{
    ssize_t n;
    do
        n = raw_send(s->source.fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    return n;
}

void stream_push(struct stream *s, const char *data, size_t len)
{
    s->rest = data;
    s->rest_len = len;
}

void stream_pause(struct stream *s)
{
    s->paused = true;
}

void stream_resume(struct stream *s)
{
    s->paused = false;
    if (s->readable && !s->closed)
        loop_defer(s->loop, &s->task);
}

bool stream_poll(struct stream *s)
{
    return receive(s);
}

void stream_finish(struct stream *s)
{
    shutdown(s->source.fd, SHUT_WR);
}

void stream_close(struct stream *s)
{
    if (s->closed)
        return;
    s->closed = true;
    s->rest_len = 0;
    close(s->source.fd);
    wheel_cancel(&s->loop->wheel, &s->timer);
    loop_defer(s->loop, &s->task);
}

void stream_expired(struct wheel_timer *timer)
{
    struct stream *s = OWNER(timer, timer);
    s->events->expired(s);
}
