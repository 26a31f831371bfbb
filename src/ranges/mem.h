/*
 * Memory that is there: where none can be had, the program ends with one line. For work that is
 * done at start, on a command or in a thread of its own; never for a request.
 */
#ifndef RANGES_MEM_H
#define RANGES_MEM_H

#include <archeio/str.h>

/* n items of size bytes, all zero; never NULL, even for none. free() it. */
void *mem_new(size_t n, size_t size);

/* Makes room for one more item behind n of them: *capacity items fit into what is returned, which
 * takes the place of old. */
void *mem_grow(void *old, size_t n, size_t *capacity, size_t size);

/* A terminated copy. */
char *mem_text(struct str s);

#endif
