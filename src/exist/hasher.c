#include "exist/hasher.h"

#include <openssl/evp.h>

static bool open_context(struct hasher *h)
{
    if (h->md == NULL)
        h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (h->context == NULL)
        h->context = EVP_MD_CTX_new();
    return h->md != NULL && h->context != NULL;
}

bool hasher_sha256(struct hasher *h, const void *data, size_t len, uint8_t out[32])
{
    return open_context(h) && EVP_DigestInit_ex2(h->context, h->md, NULL) == 1 &&
           EVP_DigestUpdate(h->context, data, len) == 1 &&
           EVP_DigestFinal_ex(h->context, out, NULL) == 1;
}

void hasher_close(struct hasher *h)
{
    EVP_MD_CTX_free(h->context);
    EVP_MD_free(h->md);
}
