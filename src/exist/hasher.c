/* The functions that go by a context of the caller's are deprecated, and the only ones that do not
 * allocate: EVP_DigestInit_ex2() makes its state anew each time. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "exist/hasher.h"

#include <openssl/sha.h>

void hasher_sha256(const void *data, size_t len, uint8_t out[32])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, data, len);
    SHA256_Final(out, &context);
}
