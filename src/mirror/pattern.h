/*
 * Which names are meant: lists of patterns, as base/glob.h has them.
 */
#ifndef MIRROR_PATTERN_H
#define MIRROR_PATTERN_H

#include <archeio/str.h>

struct pattern_lists {
    const char *const *include; /* n_include of 0: everything */
    size_t n_include;
    const char *const *exclude;
    size_t n_exclude;
};

/* Included, and not excluded. */
bool pattern_admits(const struct pattern_lists *lists, struct str name);

#endif
