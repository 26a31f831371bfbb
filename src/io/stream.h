/*
 * A connected socket in completion style: bytes that came are handed over, bytes to be sent are
 * taken, and its owner is told when they are sent. Epoll stands behind it (edge-triggered,
 * registered once, so that a request costs one recv and one send); io_uring could.
 *
 * All of it is one thread's, the loop's.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "io/listener.h"
#include "io/loop.h"

#define STREAM_INPUT 16384 /* bytes that are received at once, at most */

/* Before the bytes that are handed over lie this many that the receiver may overwrite: room for the
 * beginning of a message whose rest has come. */
#define STREAM_HEADROOM 16384

struct stream;

/* What the owner is told. None is called for a stream that was closed, but `gone`. */
struct stream_events {
    /* data is the loop's, and valid during the call only. */
    void (*received)(struct stream *s, char *data, size_t len);
    /* The other side sends no more; what it has sent has been handed over. */
    void (*ended)(struct stream *s);
    /* All bytes of stream_push() are sent: their memory is the caller's again. */
    void (*sent)(struct stream *s);
    /* The connection is broken (reset, timed out by the kernel). The owner closes. */
    void (*broken)(struct stream *s);
    /* The deadline has passed. */
    void (*expired)(struct stream *s);
    /* After stream_close(): nothing refers to the stream any more, and its memory may be freed. */
    void (*gone)(struct stream *s);
};

struct stream {
    struct loop_source source; /* private, as all */
    struct loop_task task;
    struct wheel_timer timer;
    struct loop *loop;
    const struct stream_events *events;
    const char *rest;
    size_t rest_len;
    bool readable; /* there may be something to receive */
    bool finished; /* the other side has sent its last */
    bool paused;
    bool closed;
};

/* Takes over an accepted socket, whatever the result: 0, or an errno, and it is then closed. */
int stream_open(struct stream *s, struct loop *loop, struct listener_socket socket,
                const struct stream_events *events);

/* Sends what can be sent at once: how many bytes, 0 if none; -1 if the connection is broken (close
 * it; `broken` is not called). data is the caller's again at once. Not while bytes are pushed. */
long stream_send(struct stream *s, const char *data, size_t len);

/* Sends all of it, in time: after stream_send() that took less than all. data stays untouched until
 * `sent` is called or the stream is closed. */
void stream_push(struct stream *s, const char *data, size_t len);

/* Nothing is handed over between the two; bytes wait in the kernel, and slow the sender down. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Receives now what has come, paused or not: true if there was something (it was handed over). */
bool stream_poll(struct stream *s);

/* Tells the other side that nothing more will be sent. */
void stream_finish(struct stream *s);

/* Nanoseconds, of the loop's clock; one per stream, the last counts. */
static inline void stream_deadline(struct stream *s, int64_t deadline)
{
    wheel_set(&s->loop->wheel, &s->timer, deadline);
}

/* At once; `gone` is called at the end of the turn. Closing twice is harmless until then. */
void stream_close(struct stream *s);

/* The loop's `expired`, for loops all of whose timers are streams'. */
void stream_expired(struct wheel_timer *timer);

#endif
