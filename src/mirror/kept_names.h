/*
 * Names that a listing has brought, until they are handed in: one after the other in one piece of
 * memory, because a listing may have millions.
 */
#ifndef MIRROR_KEPT_NAMES_H
#define MIRROR_KEPT_NAMES_H

#include <archeio/str.h>

/* All zero holds none. Each is a letter that says what it is, the name, and a NUL. */
struct kept_names {
    char *text;
    size_t len;
    size_t size;
    size_t whole; /* the owner's: those before it stood in pages that came whole */
    size_t at;    /* those before it have been taken */
};

/* False: no memory, or more names than anybody can want. */
bool kept_names_add(struct kept_names *n, char kind, struct str name);

/* The next, whose memory stays; false: all have been taken. */
bool kept_names_take(struct kept_names *n, char *kind, struct str *name);

void kept_names_clear(struct kept_names *n);

#endif
