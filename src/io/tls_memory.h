/*
 * Whether OpenSSL had all the memory that it asked for. A context that was made while it had not
 * may lack algorithms, and nothing says so.
 */
#ifndef IO_TLS_MEMORY_H
#define IO_TLS_MEMORY_H

#include <stdbool.h>

/* Opens OpenSSL; before everything else that is asked of it, as often as one likes. False: no
 * memory, and nothing may be asked of it. */
bool tls_memory_open(void);

/* How often it was refused memory so far, on any thread. */
unsigned tls_memory_refusals(void);

#endif
