/*
 * TLS 1.2 and 1.3 (RFC 5246, RFC 8446), server side, by OpenSSL, between bytes in memory: sockets
 * are "io/stream.h"'s.
 *
 * No compression, no renegotiation, no early data, and of TLS 1.2 only suites with forward secrecy
 * and authenticated encryption. Sessions are resumed by tickets alone (RFC 5077; RFC 8446 section
 * 4.6.1): nothing is kept here for a client that is gone.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ── Tickets ── */

/* The keys of tickets, for all contexts and threads of a process, so that any worker resumes what
 * another has begun. A key makes tickets for TLS_TICKETS_PERIOD and opens them for two more. */
struct tls_tickets;

#define TLS_TICKETS_PERIOD (8 * 3600 * 1000000000LL) /* nanoseconds */

/* NULL: no memory or no randomness. now: clock_now(). */
struct tls_tickets *tls_tickets_new(int64_t now);
void tls_tickets_free(struct tls_tickets *t);

/* Makes a new key if it is time. One thread's; others read meanwhile. */
void tls_tickets_rotate(struct tls_tickets *t, int64_t now);

/* ── Contexts ── */

/* Certificates with their keys, and the protocols offered by ALPN (RFC 7301). Made by one thread,
 * used by all. */
struct tls_context;

enum { TLS_HTTP1 = 1, TLS_H2 = 2 };

/* PEM files. */
struct tls_files {
    const char *certificate; /* the server's own first, then the intermediate ones */
    const char *key;
};

struct tls_options {
    const struct tls_files *files; /* the first is for clients that name no server or none of ours;
                                    * SNI (RFC 6066 section 3) chooses among them by their names */
    size_t n_files;
    unsigned protocols;          /* TLS_HTTP1 | TLS_H2 */
    struct tls_tickets *tickets; /* borrowed; outlives all connections. NULL: no resumption */
};

/* What is wrong with files, for people. */
struct tls_problem {
    size_t file; /* which of options->files */
    bool key;    /* it is in the key, or in what both are together */
    char text[256];
};

/* NULL: *problem is filled. */
struct tls_context *tls_context_new(const struct tls_options *options, struct tls_problem *problem);

/* Connections that were begun with it go on. NULL is ignored. */
void tls_context_free(struct tls_context *c);

/* A certificate, and when it is valid: seconds since 1970, 0 if that cannot be read. */
struct tls_certificate {
    char *file;
    int64_t from;
    int64_t until;
};

/* That of files[i], the context's own; NULL after the last. */
const struct tls_certificate *tls_context_certificate(const struct tls_context *c, size_t i);

/* ── Connections ── */

/* A connection; OpenSSL's SSL. */
struct ssl_st;

/* Where one call finds what was received and leaves what is to be sent; one per thread. */
struct tls_io {
    struct bio_st *bio; /* private */
    const char *in;     /* received, and not used yet */
    size_t in_len;
    char *out; /* to be sent; tls_io_new()'s memory */
    size_t out_len;
    size_t out_size;
};

/* Room for so many bytes of output in a call. NULL: no memory. */
struct tls_io *tls_io_new(size_t out_size);
void tls_io_free(struct tls_io *io);

/* How much output len bytes make, at most. */
#define TLS_OUTPUT(len) ((len) + ((len) / 16384 + 1) * 64)

/* One that awaits a client. io is borrowed: all connections of a thread may have the same. NULL: no
 * memory. */
struct ssl_st *tls_new(struct tls_context *c, struct tls_io *io);
void tls_free(struct ssl_st *t);

enum tls_result {
    TLS_DONE,
    TLS_MORE,   /* all of io->in was used, and more must come */
    TLS_END,    /* the other side has said that nothing more will come */
    TLS_FAILED, /* io->out may hold an alert */
};

/* Goes on with the handshake. */
enum tls_result tls_handshake(struct ssl_st *t);

/* After the handshake: bytes that were received, at least one if it is TLS_DONE, when there may be
 * more. */
enum tls_result tls_read(struct ssl_st *t, char *data, size_t size, size_t *got);

/* After TLS_MORE: has a record begun whose end has not come? It takes memory meanwhile. */
bool tls_is_halfway(const struct ssl_st *t);

/* Encrypts all of it into io->out, which has room for TLS_OUTPUT(len). False: failed. */
bool tls_write(struct ssl_st *t, const char *data, size_t len);

/* Says that nothing more will be sent. */
void tls_end(struct ssl_st *t);

/* After the handshake: what was agreed on, TLS_HTTP1 or TLS_H2; 0: the client named none. */
unsigned tls_protocol(const struct ssl_st *t);
bool tls_resumed(const struct ssl_st *t);

#endif
