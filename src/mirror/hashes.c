#include "mirror/hashes.h"

#include "io/tls_memory.h"

#include <openssl/evp.h>

bool hashes_open(void)
{
    static const char *const names[] = {"SHA256", "SHA512", "MD5"};
    if (!tls_memory_open())
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        EVP_MD_free(EVP_MD_fetch(NULL, names[i], NULL)); /* MD5 may be forbidden */
    EVP_MAC_free(EVP_MAC_fetch(NULL, "HMAC", NULL));
    return tls_memory_refusals() == 0;
}
