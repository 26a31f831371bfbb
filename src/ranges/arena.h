/*
 * Memory for one JSON document: taken byte after byte, given back in one piece. It makes reading
 * the published files a third faster, and leaves no holes in the heap for malloc_trim() to find.
 */
#ifndef RANGES_ARENA_H
#define RANGES_ARENA_H

#include <stddef.h>

/* From here to arena_end(), what jansson allocates in this thread comes from an arena that suits a
 * text of len bytes; what does not fit comes from malloc(). Every value must have been released
 * before arena_end(). Not to be nested. Other threads, and documents that are older, are not
 * touched. */
void arena_begin(size_t len);
void arena_end(void);

#endif
