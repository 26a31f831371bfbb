/*
 * A view of bytes that somebody else owns: text from the network, a configuration file or a
 * snapshot. It is not terminated, may hold any byte, and lives as long as its owner says.
 */
#ifndef ARCHEIO_STR_H
#define ARCHEIO_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *data; /* may be NULL only if len is 0 */
    size_t len;       /* bytes */
};

/* A view of a string literal: an expression, and an initialiser for static data. */
#define STR(literal) ((struct str)STR_INIT(literal))
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static inline struct str str_make(const char *data, size_t len)
{
    return (struct str){data, len};
}

/* A view of a terminated string without its terminator; z must not be NULL. */
static inline struct str str_from(const char *z)
{
    return (struct str){z, strlen(z)};
}

/* Equal byte for byte. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.data + (s.len - suffix.len), suffix.data, suffix.len) == 0);
}

/* Below, equal to or above 0, as memcmp() has it: by bytes, and what a text begins with stands
 * before it. */
static inline int str_compare(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.data, b.data, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* What follows the first n bytes; n must not exceed s.len. */
static inline struct str str_skip(struct str s, size_t n)
{
    return (struct str){s.data + n, s.len - n};
}

/* Equal but for the case of ASCII letters, as HTTP field names and URI hosts compare. */
bool str_eq_nocase(struct str a, struct str b);

/* Where the first (last) byte c stands in s; s.len if nowhere. */
size_t str_find(struct str s, char c);
size_t str_find_last(struct str s, char c);

#endif
