/*
 * Many strings of bytes, all equally long, brought into their order, of those that are equal one
 * alone. Memory is bounded: what does not fit goes, sorted, into a file without a name in $TMPDIR
 * or /tmp, and is merged when it is read. One thread.
 */
#ifndef MIRROR_SORTER_H
#define MIRROR_SORTER_H

#include <stddef.h>
#include <stdint.h>

#define SORTER_WIDTH_MAX 64

struct sorter;

/* width: of a string, at most SORTER_WIDTH_MAX; memory: bytes at most, at least 64 KiB. NULL: no
 * memory. */
struct sorter *sorter_new(size_t width, size_t memory);
void sorter_free(struct sorter *s); /* NULL is ignored */

/* 0, or an errno: it is then good for nothing but sorter_free(). */
int sorter_add(struct sorter *s, const uint8_t *item);

/* Goes to the first of all; nothing is added from now on. May be repeated. 0, or an errno. */
int sorter_rewind(struct sorter *s);

/* The next; valid until the one after it is asked for. NULL: there is none, or *error is an errno
 * and not 0. */
const uint8_t *sorter_next(struct sorter *s, int *error);

#endif
