/*
 * Where in a JSON text a value stands: the JSON library says what a value is, not where it was.
 */
#ifndef RANGES_LOCATE_H
#define RANGES_LOCATE_H

#include <archeio/str.h>

/* One step from a value to one inside it: a member of an object, or an element of an array. */
struct locate_step {
    const char *member; /* NULL: the element of that index */
    size_t index;
};

#define LOCATE_STEPS_MAX 8

struct locate_path {
    struct locate_step step[LOCATE_STEPS_MAX];
    size_t n;
};

struct locate_position {
    unsigned line; /* both from 1; columns count bytes */
    unsigned column;
};

/* Where the value at the end of the path begins; if it is not there, where the innermost value on
 * the way to it does. json must have been accepted by a parser; on any other bytes the position is
 * some position, no more. */
struct locate_position locate_value(struct str json, const struct locate_path *path);

/* Writes "prefixes[17].ip_prefix", cut to size bytes with the terminator; returns out. */
const char *locate_name(const struct locate_path *path, char *out, size_t size);

#endif
