#include "io/tls_memory.h"

#include "sys/blocks.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic unsigned refusals;
static _Thread_local struct blocks *blocks;

static void *noted(void *memory)
{
    if (memory == NULL)
        atomic_fetch_add(&refusals, 1);
    return memory;
}

static void *take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size > 0 ? noted(blocks_take(blocks, size)) : NULL;
}

static void give(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    blocks_give(blocks, memory);
}

static void *resize(void *memory, size_t size, const char *file, int line)
{
    if (size > 0)
        return noted(blocks_resize(blocks, memory, size));
    give(memory, file, line);
    return NULL;
}

/* OpenSSL opens itself once. What it went without then it goes without for ever, and some of what
 * is fetched later crashes for that. */
bool tls_memory_open(void)
{
    static bool opened, whole;
    if (opened)
        return whole;
    /* Refused from the first allocation on: then there is nothing to be done any more. */
    (void)CRYPTO_set_mem_functions(take, resize, give);
    opened = true;
    whole = OPENSSL_init_ssl(0, NULL) == 1 && atomic_load(&refusals) == 0;
    return whole;
}

void tls_memory_keep(struct blocks *b)
{
    blocks = b;
}

unsigned tls_memory_refusals(void)
{
    return atomic_load(&refusals);
}
