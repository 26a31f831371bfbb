/*
 * Passwords, tokens and keys: their memory is overwritten before it is given back.
 */
#ifndef MIRROR_SECRET_H
#define MIRROR_SECRET_H

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* Of a text from malloc(), and all that the C library and xalloc make of it. NULL is ignored. */
static inline void secret_free(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

#endif
