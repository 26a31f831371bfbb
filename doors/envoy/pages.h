/*
 * More of a WebAssembly module's memory.
 */
#ifndef ENVOY_PAGES_H
#define ENVOY_PAGES_H

#include <stddef.h>

#define PAGES_SIZE 65536U /* of one */

/* Fresh, zeroed memory of that many bytes, whole pages; it is never given back. NULL: there is none
 * left. */
void *pages_grow(size_t size);

#endif
