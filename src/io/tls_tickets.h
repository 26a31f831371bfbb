/*
 * OpenSSL's side of ticket keys (io/tls.h).
 */
#ifndef IO_TLS_TICKETS_H
#define IO_TLS_TICKETS_H

#include "io/tls.h"

#include <openssl/ssl.h>

/* Makes a context give out tickets under these keys and accept them. False: no memory. */
bool tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx);

#endif
