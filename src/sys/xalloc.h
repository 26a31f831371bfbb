/*
 * Memory at start-up, on reloads and in the tools. Where there is none left, a program that starts
 * says so and exits with code 1; one that serves says so and waits until there is some again, for
 * its other threads have theirs; but what the waiting thread does besides waits, too (the control
 * thread's signals and admin listener). Never used on the request path, which must shed work
 * instead.
 */
#ifndef SYS_XALLOC_H
#define SYS_XALLOC_H

#include <stddef.h>

/* From now on the program serves. */
void xalloc_serve(void);

/* free() what they return. */
void *xalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xalloc_zero(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
char *xalloc_copy(const char *data, size_t len) __attribute__((returns_nonnull)); /* terminated */
char *xalloc_text(const char *z) __attribute__((returns_nonnull));
char *xalloc_format(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Room for one more element behind n of them: memory moves when n is 0 or a power of two, and then
 * doubles. Returns the array. */
void *xalloc_grow(void *array, size_t n, size_t size) __attribute__((returns_nonnull));

#endif
