#include "io/tls_tickets.h"

#include "io/tls_memory.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 16 /* of a key: the beginning of a ticket says which it is */
#define SLOTS 4      /* one makes tickets, two more open them, one is being written */
#define OPENING 3

struct key {
    unsigned char name[NAME_SIZE];
    unsigned char cipher[32]; /* AES-256 */
    unsigned char mac[32];    /* HMAC-SHA-256 */
};

struct tls_tickets {
    EVP_CIPHER *cipher;
    int64_t made; /* when the newest was */
    _Atomic uint32_t newest;
    struct key key[SLOTS];
};

/* The slot that is written is the one that opens nothing any more: who still reads it has been at
 * it for a whole period. */
static bool make_key(struct tls_tickets *t, uint32_t number)
{
    struct key *k = &t->key[number % SLOTS];
    if (RAND_bytes(k->name, sizeof(k->name)) != 1 ||
        RAND_priv_bytes(k->cipher, sizeof(k->cipher)) != 1 ||
        RAND_priv_bytes(k->mac, sizeof(k->mac)) != 1) {
        ERR_clear_error();
        return false;
    }
    atomic_store_explicit(&t->newest, number, memory_order_release);
    return true;
}

struct tls_tickets *tls_tickets_new(int64_t now)
{
    if (!tls_memory_open())
        return NULL;
    struct tls_tickets *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->made = now;
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (t->cipher != NULL && make_key(t, 0))
        return t;
    tls_tickets_free(t);
    return NULL;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (t == NULL)
        return;
    EVP_CIPHER_free(t->cipher);
    OPENSSL_cleanse(t, sizeof(*t));
    free(t);
}

void tls_tickets_rotate(struct tls_tickets *t, int64_t now)
{
    if (now - t->made < TLS_TICKETS_PERIOD)
        return;
    t->made = now;
    make_key(t, atomic_load_explicit(&t->newest, memory_order_relaxed) + 1);
}

static int tickets_index(void)
{
    static _Atomic int index = -1;
    int i = atomic_load(&index);
    if (i >= 0)
        return i;
    int made = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return atomic_compare_exchange_strong(&index, &i, made) ? made : i;
}

static bool set_mac(EVP_MAC_CTX *mac, const struct key *k)
{
    static char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac,
                                          sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof(digest) - 1),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(const struct tls_tickets *t, unsigned char name[NAME_SIZE], unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct key *k = &t->key[atomic_load_explicit(&t->newest, memory_order_acquire) % SLOTS];
    memcpy(name, k->name, NAME_SIZE);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(t->cipher)) != 1 ||
        EVP_EncryptInit_ex2(cipher, t->cipher, k->cipher, iv, NULL) != 1 || !set_mac(mac, k))
        return -1;
    return 1;
}

/* 0: unknown; the client gets a full handshake. 2: known, and another is to be given. */
static int unseal(const struct tls_tickets *t, const unsigned char name[NAME_SIZE],
                  const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    uint32_t newest = atomic_load_explicit(&t->newest, memory_order_acquire);
    for (uint32_t age = 0; age < OPENING && age <= newest; age++) {
        const struct key *k = &t->key[(newest - age) % SLOTS];
        if (memcmp(k->name, name, NAME_SIZE) != 0)
            continue;
        if (EVP_DecryptInit_ex2(cipher, t->cipher, k->cipher, iv, NULL) != 1 || !set_mac(mac, k))
            return -1;
        return age == 0 ? 1 : 2;
    }
    return 0;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int sealing)
{
    const struct tls_tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index());
    if (sealing)
        return seal(t, name, iv, cipher, mac);
    /* Of TLS 1.3, a client uses a ticket once (RFC 8446 appendix C.4), so it needs another. */
    int opened = unseal(t, name, iv, cipher, mac);
    return opened == 1 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : opened;
}

bool tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx)
{
    return SSL_CTX_set_ex_data(ctx, tickets_index(), t) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1;
}
