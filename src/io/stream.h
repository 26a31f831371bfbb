/*
 * A connected socket in completion style: bytes that came are handed over, bytes to be sent are
 * taken, and its owner is told when they are sent. Epoll stands behind it (edge-triggered,
 * registered once, so that a request costs one recv and one send); io_uring could. It may be
 * encrypted from some byte on ("io/tls.h"): its owner sees no difference.
 *
 * All of it is one thread's, the loop's.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "io/listener.h"
#include "io/loop.h"
#include "io/tls.h"

#define STREAM_INPUT 16384  /* bytes that are received at once, at most */
#define STREAM_OUTPUT 32768 /* bytes that are sent at once, at most */

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
    /* After STREAM_LATER: all is sent. */
    void (*sent)(struct stream *s);
    /* The connection is broken (reset, timed out by the kernel, no TLS). The owner closes. */
    void (*broken)(struct stream *s);
    /* After stream_secure(): the handshake is done. */
    void (*secured)(struct stream *s);
    /* stream_halfway() is another. */
    void (*halfway)(struct stream *s);
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
    const char *rest; /* bytes that wait to be sent: in rest_buffer, or the owner's */
    size_t rest_len;
    char *rest_buffer;  /* of the loop's pool, as kept */
    struct ssl_st *tls; /* NULL: in clear */
    char *kept;         /* received while paused, and not decrypted yet */
    int64_t halfway;    /* see below */
    uint32_t kept_len;
    bool readable; /* there may be something to receive */
    bool finished; /* the other side has sent its last */
    bool paused;
    bool closed;
    bool awaited;   /* the owner is to be told when the rest is sent */
    bool secured;   /* the handshake is done */
    bool undrained; /* decrypted bytes may wait, or kept ones */
    bool finishing; /* nothing will be sent behind the rest */
};

/* Takes over an accepted socket, whatever the result: 0, or an errno, and it is then closed. */
int stream_open(struct stream *s, struct loop *loop, struct listener_socket socket,
                const struct stream_events *events);

enum stream_sending {
    STREAM_SENT,
    STREAM_LATER,  /* on its way: `sent` will be called, and nothing may be sent until then */
    STREAM_BROKEN, /* the connection, or no memory: close it. `broken` is not called */
};

/* Sends at most STREAM_OUTPUT bytes. data is the caller's again at once: what cannot be sent yet is
 * copied into a buffer of the loop's pool. */
enum stream_sending stream_send(struct stream *s, const char *data, size_t len);

/* Sends any number of bytes, in clear. After STREAM_LATER data stays untouched until `sent` is
 * called or the stream is closed. */
enum stream_sending stream_push(struct stream *s, const char *data, size_t len);

/* From now on the connection is encrypted; data (at most STREAM_INPUT bytes) came already, and is
 * the beginning of that. False: no memory. */
bool stream_secure(struct stream *s, struct tls_context *context, const char *data, size_t len);

/* Since when an encrypted record has begun whose end has not come, in nanoseconds of the loop's
 * clock; 0: there is none. */
static inline int64_t stream_halfway(const struct stream *s)
{
    return s->halfway;
}

/* Nothing is handed over between the two; bytes wait in the kernel, and slow the sender down. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Receives now what has come, paused or not: true if something was handed over. */
bool stream_poll(struct stream *s);

/* Tells the other side that nothing more will be sent, behind what is on its way. */
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
