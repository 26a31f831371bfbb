/*
 * Memory of the filter. There is no malloc: what lives for one callback is taken from a heap that
 * is empty again when the next one begins; what lives as long as a configuration is whole pages.
 */
#ifndef ENVOY_MEMORY_H
#define ENVOY_MEMORY_H

#include <stddef.h>

#define MEMORY_ALIGN 16U

/* Zeroed, aligned; NULL: there is none left. */
void *memory_keep(size_t size);
void memory_release(void *kept); /* NULL is fine */

/* Valid until memory_reset(), which every callback begins with. Aligned, not zeroed. NULL: there is
 * none left. */
void *memory_take(size_t size);
void memory_reset(void);

#endif
