/*
 * Large memory that is taken from the system page by page, as it is first written.
 */
#ifndef SYS_MEMORY_H
#define SYS_MEMORY_H

#include <stddef.h>

/* Zeroed memory of that many bytes, counted against no limit before it is used; NULL: none is to be
 * had. */
void *memory_reserve(size_t bytes);

/* Its first bytes, whole pages, are to be zero and take nothing until they are written again. */
void memory_forget(void *memory, size_t bytes);

/* Gives it back; memory may be NULL. */
void memory_release(void *memory, size_t bytes);

#endif
