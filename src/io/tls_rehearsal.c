#include "io/tls_rehearsal.h"

#include <openssl/err.h>

#define ROUNDS 16 /* two are enough, but for certificates that fill the buffer between the two */

static bool goes_on(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    return result == 1 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool shake_hands(SSL *client, SSL *server)
{
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < ROUNDS; i++) {
        int c = SSL_do_handshake(client);
        if (!goes_on(client, c))
            return false;
        int s = SSL_do_handshake(server);
        if (!goes_on(server, s))
            return false;
        if (c == 1 && s == 1)
            return true;
    }
    return false;
}

static bool connect_pair(SSL *client, SSL *server)
{
    BIO *one, *other;
    if (client == NULL || server == NULL || BIO_new_bio_pair(&one, 0, &other, 0) != 1)
        return false;
    SSL_set_bio(client, one, one);
    SSL_set_bio(server, other, other);
    return true;
}

static bool rehearse(SSL_CTX *ctx, SSL_CTX *clients, int version)
{
    SSL *client = SSL_new(clients), *server = SSL_new(ctx);
    bool done = connect_pair(client, server) && SSL_set_max_proto_version(client, version) == 1 &&
                shake_hands(client, server);
    SSL_free(client);
    SSL_free(server);
    return done;
}

bool tls_rehearsal_succeeds(SSL_CTX *ctx)
{
    SSL_CTX *clients = SSL_CTX_new(TLS_client_method());
    if (clients == NULL)
        return false;
    (void)rehearse(ctx, clients, TLS1_2_VERSION);
    bool done = rehearse(ctx, clients, TLS1_3_VERSION);
    SSL_CTX_free(clients);
    ERR_clear_error();
    return done;
}
