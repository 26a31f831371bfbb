/*
 * A stream over a socket pair, in clear or encrypted, and the client at its other end, which reads
 * and writes when a test says so.
 */
#ifndef TESTS_UNIT_IO_PEER_H
#define TESTS_UNIT_IO_PEER_H

#include "io/stream.h"

#include "sys/clock.h"

#include "certificates.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#define ROOM 400000
#define BUFFERS 4
#define PATIENCE (10 * CLOCK_S)

struct peer {
    struct stream stream; /* first: an event's stream is its peer */
    struct loop *loop;
    int fd; /* the client's end */
    SSL_CTX *ctx;
    SSL *client;
    char *got; /* what was handed over */
    size_t len;
    int calls;       /* of received */
    bool pausing;    /* pauses at each of them */
    bool closing;    /* closes at the first */
    bool polite;     /* closes when the other side has ended */
    bool sent_again; /* `sent` sends once more */
    int ended, sent, broken, secured, halfway, expired, gone;
};

static struct certificate certificate;
static struct tls_context *context;
static char pattern[ROOM];
static struct loop loop;
static struct pool pool;

/* ── Events ── */

static inline struct peer *peer_of(struct stream *s)
{
    return (struct peer *)(void *)s;
}

static inline void received(struct stream *s, char *data, size_t len)
{
    struct peer *p = peer_of(s);
    assert_false(p->stream.closed);
    assert_in_range(len, 1, STREAM_INPUT);
    assert_true(p->len + len <= ROOM);
    memcpy(p->got + p->len, data, len);
    memset(data - STREAM_HEADROOM, 0xee, STREAM_HEADROOM + len); /* it is the receiver's */
    p->len += len;
    p->calls++;
    if (p->pausing)
        stream_pause(s);
    if (p->closing)
        stream_close(s);
}

static inline void ended(struct stream *s)
{
    peer_of(s)->ended++;
    if (peer_of(s)->polite)
        stream_close(s);
}

static inline void sent(struct stream *s)
{
    struct peer *p = peer_of(s);
    p->sent++;
    if (p->sent_again) {
        p->sent_again = false;
        assert_int_not_equal(stream_send(s, "again", 5), STREAM_BROKEN);
    }
}

static inline void broken(struct stream *s)
{
    peer_of(s)->broken++;
    stream_close(s);
}

static inline void secured(struct stream *s)
{
    peer_of(s)->secured++;
    if (peer_of(s)->closing)
        stream_close(s);
}

static inline void expired(struct stream *s)
{
    peer_of(s)->expired++;
}

static inline void gone(struct stream *s)
{
    peer_of(s)->gone++;
}

static inline void halfway(struct stream *s)
{
    peer_of(s)->halfway++;
}

static const struct stream_events events = {received, ended,   sent,    broken,
                                            secured,  halfway, expired, gone};

/* ── Both ends ── */

static inline void turn(void)
{
    loop_turn(&loop, 0);
}

static inline void open_peer(struct peer *p)
{
    int fd[2], small = 8192;
    *p = (struct peer){.loop = &loop, .got = malloc(ROOM)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    p->fd = fd[1];
    assert_int_equal(stream_open(&p->stream, &loop, (struct listener_socket){.fd = fd[0]}, &events),
                     0);
}

/* The server learns from the first bytes that it is TLS, as connections do. */
static inline void first_bytes(struct stream *s, char *data, size_t len)
{
    s->events = &events;
    assert_true(stream_secure(s, context, data, len));
}

static inline void open_secured(struct peer *p)
{
    static const struct stream_events opening = {first_bytes, ended,   sent,    broken,
                                                 secured,     halfway, expired, gone};
    open_peer(p);
    p->stream.events = &opening;
    p->ctx = SSL_CTX_new(TLS_client_method());
    p->client = SSL_new(p->ctx);
    SSL_set_mode(p->client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_fd(p->client, p->fd);
    SSL_set_connect_state(p->client);
}

static inline void shake_hands(struct peer *p)
{
    int64_t until = clock_now() + PATIENCE;
    while ((SSL_do_handshake(p->client) != 1 || !p->stream.secured) && clock_now() < until)
        turn();
    assert_int_equal(p->secured, 1);
}

static inline void open_either(struct peer *p, bool encrypted)
{
    if (!encrypted) {
        open_peer(p);
        return;
    }
    open_secured(p);
    shake_hands(p);
}

/* The stream ends, whoever is first; no buffer stays taken. */
static inline void close_peer(struct peer *p)
{
    stream_close(&p->stream);
    stream_close(&p->stream);
    turn();
    assert_int_equal(p->gone, 1);
    SSL_free(p->client);
    SSL_CTX_free(p->ctx);
    if (p->fd >= 0)
        close(p->fd);
    free(p->got);
    ERR_clear_error();
}

static inline void no_buffer_is_taken(void)
{
    assert_int_equal(pool.small.used + pool.large.used, 0);
}

static inline long client_write(struct peer *p, const char *data, size_t len)
{
    if (p->client == NULL)
        return send(p->fd, data, len, MSG_NOSIGNAL);
    return SSL_write(p->client, data, (int)len);
}

static inline long client_read(struct peer *p, char *data, size_t len)
{
    if (p->client == NULL)
        return recv(p->fd, data, len, 0);
    return SSL_read(p->client, data, (int)len);
}

/* Writes all of it, in records of `piece` bytes; the loop turns meanwhile. */
static inline void client_writes(struct peer *p, const char *data, size_t len, size_t piece)
{
    int64_t until = clock_now() + PATIENCE;
    while (len > 0) {
        long n = client_write(p, data, len < piece ? len : piece);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
        turn();
        if (p->stream.paused)
            stream_resume(&p->stream);
        assert_true(clock_now() < until);
    }
}

static inline void turn_until(const int *counter, int want)
{
    int64_t until = clock_now() + PATIENCE;
    while (*counter < want && clock_now() < until)
        turn();
    assert_int_equal(*counter, want);
}

static inline void turn_until_received(struct peer *p, size_t len)
{
    int64_t until = clock_now() + PATIENCE;
    while (p->len < len && clock_now() < until)
        turn();
    assert_int_equal(p->len, len);
}

static inline void client_reads_all(struct peer *p, const char *want, size_t len)
{
    static char data[ROOM];
    size_t got = 0;
    int64_t until = clock_now() + PATIENCE;
    while (got < len && clock_now() < until) {
        long n = client_read(p, data + got, len - got < 5000 ? len - got : 5000);
        if (n > 0)
            got += (size_t)n;
        turn();
    }
    assert_int_equal(got, len);
    assert_memory_equal(data, want, len);
}

static inline int begin(void **state)
{
    struct tls_problem problem;
    if (certificates_begin(state) != 0 || loop_open(&loop, stream_expired) != 0 ||
        !pool_open(&pool, BUFFERS, BUFFERS))
        return 1;
    loop.pool = &pool;
    certificate = certificates_make("stream", "DNS:stream.example", NULL);
    const struct tls_files files = {certificate.certificate, certificate.key};
    context = tls_context_new(&(struct tls_options){&files, 1, TLS_HTTP1, NULL}, &problem);
    for (size_t i = 0; i < ROOM; i++)
        pattern[i] = (char)(i * 2654435761U >> 13);
    return context == NULL;
}

static inline int end(void **state)
{
    tls_context_free(context);
    loop_close(&loop);
    pool_close(&pool);
    return certificates_end(state);
}

#endif
