#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* Records of a client that are not content, after the handshake: an honest one sends an alert at
 * its end, and changes its keys once in 2^24 records. Each KeyUpdate, and each attempt to
 * renegotiate, makes work and is answered. */
#define OTHER_RECORDS_MAX 32

/* ── Bytes in memory as a BIO ── */

static int bio_read(BIO *bio, char *data, int size)
{
    struct tls_io *io = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (io->in_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = io->in_len < (size_t)size ? io->in_len : (size_t)size;
    memcpy(data, io->in, n);
    io->in += n;
    io->in_len -= n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct tls_io *io = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if ((size_t)len > io->out_size - io->out_len)
        return -1;
    memcpy(io->out + io->out_len, data, (size_t)len);
    io->out_len += (size_t)len;
    return len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *make_bio(struct tls_io *io)
{
    static BIO_METHOD *method; /* made once; what two threads make at once is the same */
    BIO_METHOD *m = __atomic_load_n(&method, __ATOMIC_ACQUIRE);
    if (m == NULL) {
        m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "memory");
        if (m == NULL)
            return NULL;
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_ctrl(m, bio_control);
        BIO_METHOD *other = NULL;
        if (!__atomic_compare_exchange_n(&method, &other, m, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            BIO_meth_free(m);
            m = other;
        }
    }
    BIO *bio = BIO_new(m);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, io);
    BIO_set_init(bio, 1);
    return bio;
}

struct tls_io *tls_io_new(size_t out_size)
{
    struct tls_io *io = calloc(1, sizeof(*io));
    if (io == NULL)
        return NULL;
    io->out = malloc(out_size);
    io->out_size = out_size;
    io->bio = make_bio(io);
    if (io->out != NULL && io->bio != NULL)
        return io;
    tls_io_free(io);
    return NULL;
}

void tls_io_free(struct tls_io *io)
{
    if (io == NULL)
        return;
    BIO_free(io->bio);
    free(io->out);
    free(io);
}

/* ── Connections ── */

struct ssl_st *tls_new(struct tls_context *c, struct tls_io *io)
{
    SSL *ssl = SSL_new((SSL_CTX *)(void *)c);
    if (ssl == NULL) {
        ERR_clear_error();
        return NULL;
    }
    BIO_up_ref(io->bio);
    SSL_set_bio(ssl, io->bio, io->bio);
    SSL_set_accept_state(ssl);
    return ssl;
}

void tls_free(struct ssl_st *t)
{
    SSL_free(t);
}

/* What a call that did not succeed means. OpenSSL's errors are a queue of the thread's: left in it,
 * they would be taken for the next connection's. */
static enum tls_result result_of(SSL *ssl, int n)
{
    switch (SSL_get_error(ssl, n)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_END;
    default:
        ERR_clear_error();
        return TLS_FAILED;
    }
}

/* A call that succeeds may leave something there, too. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

static uintptr_t other_records(const SSL *ssl)
{
    return (uintptr_t)SSL_get_app_data(ssl);
}

/* Before TLS 1.3 the type of a record stands in its head, then inside. */
static void count_record(int sent, int version, int what, const void *data, size_t len, SSL *ssl,
                         void *argument)
{
    (void)version;
    (void)argument;
    bool typed = what == SSL3_RT_HEADER || what == SSL3_RT_INNER_CONTENT_TYPE;
    if (sent || !typed || len == 0 || *(const unsigned char *)data == SSL3_RT_APPLICATION_DATA)
        return;
    SSL_set_app_data(ssl, (void *)(other_records(ssl) + 1));
}

enum tls_result tls_handshake(struct ssl_st *t)
{
    forget_errors();
    int n = SSL_do_handshake(t);
    if (n != 1)
        return result_of(t, n);
    SSL_set_msg_callback(t, count_record);
    return TLS_DONE;
}

enum tls_result tls_read(struct ssl_st *t, char *data, size_t size, size_t *got)
{
    *got = 0;
    forget_errors();
    while (*got < size) {
        size_t n;
        int result = SSL_read_ex(t, data + *got, size - *got, &n);
        if (other_records(t) > OTHER_RECORDS_MAX)
            return TLS_FAILED;
        if (result != 1)
            return result_of(t, result);
        *got += n;
    }
    return TLS_DONE;
}

bool tls_is_halfway(const struct ssl_st *t)
{
    /* A head that has come alone is not among what is pending. */
    return SSL_has_pending(t) != 0 || strcmp(SSL_rstate_string(t), "RB") == 0;
}

bool tls_write(struct ssl_st *t, const char *data, size_t len)
{
    size_t written;
    forget_errors();
    int n = SSL_write_ex(t, data, len, &written);
    return n == 1 || result_of(t, n) == TLS_DONE;
}

void tls_end(struct ssl_st *t)
{
    int n = SSL_shutdown(t);
    if (n < 0)
        result_of(t, n);
}

unsigned tls_protocol(const struct ssl_st *t)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(t, &name, &len);
    if (len == 2 && memcmp(name, "h2", 2) == 0)
        return TLS_H2;
    return len > 0 ? TLS_HTTP1 : 0;
}

bool tls_resumed(const struct ssl_st *t)
{
    return SSL_session_reused(t) != 0;
}
