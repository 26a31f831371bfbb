/*
 * Puts an object into a store as geranos does: the source pauses now and then, and keeps the last
 * byte back once.
 */
#ifndef TESTS_MIRROR_PUTTING_H
#define TESTS_MIRROR_PUTTING_H

#include "mirror/store.h"

#include <openssl/evp.h>

struct putting {
    const char *data;
    size_t len;
    size_t at;
    size_t breaks_at; /* 0: never */
    unsigned calls;
    bool held;
};

static inline enum exchange_flow putting_read(void *owner, char *data, size_t *len)
{
    struct putting *p = owner;
    size_t left = p->len - p->at;
    if (p->breaks_at > 0 && p->at >= p->breaks_at)
        return EXCHANGE_STOP;
    if (++p->calls % 3 == 0)
        return EXCHANGE_LATER;
    if (left == 1 && !p->held) {
        p->held = true;
        return EXCHANGE_LATER;
    }
    size_t most = left > 1 ? left - 1 : left;
    *len = *len < most ? *len : most;
    memcpy(data, p->data + p->at, *len);
    p->at += *len;
    return EXCHANGE_GO;
}

static inline struct digest putting_digest(const void *data, size_t len)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    EVP_Digest(data, len, d.bytes, NULL, EVP_sha256(), NULL);
    return d;
}

static inline struct store_outcome putting_run(struct store *s, struct exchange_client *c,
                                               const struct store_object *object,
                                               struct putting *source)
{
    struct store_outcome out;
    struct store_put *p = store_put_begin(s, c, object, putting_read, source);
    while (!store_put_turn(p, &out)) {
        exchange_turn(c, 5);
        store_put_resume(p);
    }
    store_put_end(p);
    return out;
}

#endif
