#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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
    ssize_t n;
    do
        n = syscall(SYS_recvfrom, fd, data, len, 0, NULL, NULL);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t raw_send(int fd, const char *data, size_t len)
{
    ssize_t n;
    do
        n = syscall(SYS_sendto, fd, data, len, MSG_NOSIGNAL, NULL, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

/* ── Bytes out ── */

/* How many the kernel takes; -1: broken. */
static long take(struct stream *s, const char *data, size_t len)
{
    ssize_t n = raw_send(s->source.fd, data, len);
    if (n < 0 && errno == EAGAIN)
        return 0;
    return n;
}

static void release(struct stream *s, char **buffer)
{
    if (*buffer != NULL)
        pool_give(s->loop->pool, *buffer);
    *buffer = NULL;
}

/* Puts bytes behind those that wait. False: there is no room. */
static bool add_to_rest(struct stream *s, const char *data, size_t len)
{
    size_t total = s->rest_len + len;
    char *buffer = s->rest_buffer;
    if (total > POOL_LARGE)
        return false;
    if (buffer == NULL || pool_size(s->loop->pool, buffer) < total)
        buffer = pool_take(s->loop->pool, total);
    if (buffer == NULL)
        return false;
    if (s->rest_len > 0)
        memmove(buffer, s->rest, s->rest_len);
    memcpy(buffer + s->rest_len, data, len);
    if (buffer != s->rest_buffer)
        release(s, &s->rest_buffer);
    s->rest = s->rest_buffer = buffer;
    s->rest_len = total;
    return true;
}

/* Sends bytes as they are, and keeps what has to wait. */
static enum stream_sending send_raw(struct stream *s, const char *data, size_t len)
{
    if (s->rest_len > 0)
        return add_to_rest(s, data, len) ? STREAM_LATER : STREAM_BROKEN;
    long n = take(s, data, len);
    if (n < 0)
        return STREAM_BROKEN;
    if ((size_t)n == len)
        return STREAM_SENT;
    return add_to_rest(s, data + n, len - (size_t)n) ? STREAM_LATER : STREAM_BROKEN;
}

/* What the last call of TLS has left to be sent. */
static enum stream_sending send_cipher(struct stream *s)
{
    struct tls_io *io = s->loop->tls;
    size_t len = io->out_len;
    io->out_len = 0;
    return len > 0 ? send_raw(s, io->out, len) : STREAM_SENT;
}

static enum stream_sending send_secured(struct stream *s, const char *data, size_t len)
{
    if (tls_write(s->tls, data, len))
        return send_cipher(s);
    s->loop->tls->out_len = 0; /* the next stream's would go out behind it */
    return STREAM_BROKEN;
}

enum stream_sending stream_send(struct stream *s, const char *data, size_t len)
{
    enum stream_sending result;
    assert(len <= STREAM_OUTPUT);
    if (s->tls == NULL)
        result = send_raw(s, data, len);
    else
        result = send_secured(s, data, len);
    s->awaited = result == STREAM_LATER;
    return result;
}

enum stream_sending stream_push(struct stream *s, const char *data, size_t len)
{
    assert(s->tls == NULL && s->rest_len == 0);
    long n = take(s, data, len);
    if (n < 0)
        return STREAM_BROKEN;
    s->rest = data + n;
    s->rest_len = len - (size_t)n;
    s->awaited = s->rest_len > 0;
    return s->awaited ? STREAM_LATER : STREAM_SENT;
}

static void send_rest(struct stream *s)
{
    long n = take(s, s->rest, s->rest_len);
    if (n < 0) {
        s->events->broken(s);
        return;
    }
    s->rest += n;
    s->rest_len -= (size_t)n;
    if (s->rest_len > 0)
        return;
    release(s, &s->rest_buffer);
    if (s->finishing)
        shutdown(s->source.fd, SHUT_WR);
    if (s->awaited) {
        s->awaited = false;
        s->events->sent(s);
    }
}

void stream_finish(struct stream *s)
{
    if (s->tls != NULL && s->secured) {
        tls_end(s->tls);
        send_cipher(s);
    }
    s->finishing = true;
    if (s->rest_len == 0)
        shutdown(s->source.fd, SHUT_WR);
}

/* ── Encrypted bytes in ── */

/* Keeps what was received and not decrypted, for stream_resume(). */
static bool keep(struct stream *s, const char *data, size_t len)
{
    s->undrained = s->readable = true;
    s->kept_len = (uint32_t)len;
    if (len == 0) {
        release(s, &s->kept);
        return true;
    }
    if (s->kept == NULL)
        s->kept = pool_take(s->loop->pool, len);
    if (s->kept != NULL)
        memmove(s->kept, data, len);
    return s->kept != NULL;
}

/* True: it is done, and the stream goes on. */
static bool shake_hands(struct stream *s)
{
    enum tls_result result = tls_handshake(s->tls);
    if (send_cipher(s) == STREAM_BROKEN || (result != TLS_DONE && result != TLS_MORE)) {
        s->events->broken(s);
        return false;
    }
    if (result == TLS_MORE)
        return false;
    s->secured = true;
    s->events->secured(s);
    return !s->closed;
}

/* Hands over one buffer full of what these bytes hold; io->in is what is left of them. False: the
 * stream waits, or has ended. */
static bool decrypt_some(struct stream *s, bool *handed)
{
    size_t got;
    char *plain = s->loop->input + STREAM_HEADROOM;
    enum tls_result result = tls_read(s->tls, plain, STREAM_INPUT, &got);
    if (send_cipher(s) == STREAM_BROKEN)
        result = TLS_FAILED;
    *handed |= got > 0;
    if (got > 0)
        s->events->received(s, plain, got);
    if (s->closed)
        return false;
    if (result == TLS_FAILED)
        s->events->broken(s);
    else if (result == TLS_END && s->paused)
        return true; /* it says so again */
    else if (result == TLS_END)
        s->events->ended(s);
    return result == TLS_DONE;
}

/* What drips in without being handed over gains no time. */
static void note_halfway(struct stream *s, bool handed)
{
    int64_t before = s->halfway;
    if (!tls_is_halfway(s->tls))
        s->halfway = 0;
    else if (handed || before == 0)
        s->halfway = s->loop->now;
    if (s->halfway != before)
        s->events->halfway(s);
}

/* All of it is used, unless the owner pauses. True: something was handed over. */
static bool decrypt(struct stream *s, const char *data, size_t len)
{
    struct tls_io *io = s->loop->tls;
    bool handed = false;
    s->undrained = false;
    io->in = data;
    io->in_len = len;
    bool more = s->secured || shake_hands(s);
    while (more && !s->paused)
        more = decrypt_some(s, &handed);
    size_t left = io->in_len;
    io->in_len = 0; /* they are another stream's next */
    if (s->closed)
        return handed;
    if (!more) {
        release(s, &s->kept);
        if (s->secured)
            note_halfway(s, handed);
    } else if (!keep(s, io->in, left)) {
        s->events->broken(s);
    }
    return handed;
}

bool stream_secure(struct stream *s, struct tls_context *context, const char *data, size_t len)
{
    struct loop *l = s->loop;
    assert(len <= STREAM_INPUT);
    if (l->tls == NULL)
        l->tls = tls_io_new(POOL_LARGE);
    if (l->cipher == NULL)
        l->cipher = malloc(STREAM_INPUT);
    if (l->tls == NULL || l->cipher == NULL)
        return false;
    s->tls = tls_new(context, l->tls);
    if (s->tls == NULL)
        return false;
    memcpy(l->cipher, data, len); /* where it lies now is where it is decrypted to */
    decrypt(s, l->cipher, len);
    return true;
}

/* ── Bytes in ── */

/* False: there is no more of it than the beginning of an encrypted record. */
static bool hand_over(struct stream *s, char *data, size_t len)
{
    if (s->tls != NULL)
        return decrypt(s, data, len);
    s->events->received(s, data, len);
    return true;
}

/* One recv; true: something was handed over. A short one has emptied the socket: what comes later
 * is a new edge, so that there is no second call only to be told so. */
static bool receive(struct stream *s)
{
    if (s->undrained) {
        assert(s->kept != NULL || s->kept_len == 0);
        s->readable = true; /* the kernel may have more behind it */
        bool handed = decrypt(s, s->kept, s->kept_len);
        if (s->readable && !s->paused && !s->closed)
            loop_defer(s->loop, &s->task);
        return handed;
    }
    char *data = s->tls != NULL ? s->loop->cipher : s->loop->input + STREAM_HEADROOM;
    ssize_t n = raw_recv(s->source.fd, data, STREAM_INPUT);
    if (n > 0) {
        s->readable = n == STREAM_INPUT || s->finished;
        bool handed = hand_over(s, data, (size_t)n);
        if (s->readable && !s->paused && !s->closed)
            loop_defer(s->loop, &s->task);
        return handed;
    }
    s->readable = false;
    if (n == 0)
        s->events->ended(s);
    else if (errno != EAGAIN)
        s->events->broken(s);
    return false;
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
        send_rest(s);
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

void stream_close(struct stream *s)
{
    if (s->closed)
        return;
    s->closed = true;
    s->rest_len = 0;
    if (s->tls != NULL)
        tls_free(s->tls);
    s->tls = NULL;
    release(s, &s->rest_buffer);
    release(s, &s->kept);
    close(s->source.fd);
    wheel_cancel(&s->loop->wheel, &s->timer);
    loop_defer(s->loop, &s->task);
}

void stream_expired(struct wheel_timer *timer)
{
    struct stream *s = OWNER(timer, timer);
    s->events->expired(s);
}
