/*
 * OpenSSL's memory: whether it had all that it asked for, because a context that was made while it
 * had not may lack algorithms, and nothing says so; and what becomes of what it gives back.
 */
#ifndef IO_TLS_MEMORY_H
#define IO_TLS_MEMORY_H

#include "sys/blocks.h"

#include <stdbool.h>

/* Opens OpenSSL; before everything else that is asked of it, as often as one likes. False: no
 * memory, and nothing may be asked of it. */
bool tls_memory_open(void);

/* How often it was refused memory so far, on any thread. */
unsigned tls_memory_refusals(void);

/* What OpenSSL gives back on this thread is kept here, until the thread ends: a handshake takes
 * hundreds of small blocks, and other threads make each of malloc()'s and free()'s dearer. */
void tls_memory_keep(struct blocks *b);

#endif
