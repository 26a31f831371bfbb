/*
 * A handshake in memory. OpenSSL looks for some algorithms when they are first needed, and never
 * again for one that it had no memory for then: better before any client is there.
 */
#ifndef IO_TLS_REHEARSAL_H
#define IO_TLS_REHEARSAL_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* Whether a client of TLS 1.3 can agree with ctx, which has its certificate. What TLS 1.2 needs is
 * looked for, too, but may be missing. */
bool tls_rehearsal_succeeds(SSL_CTX *ctx);

#endif
