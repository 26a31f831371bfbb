/*
 * Values under names. One thread's, or behind a lock of its owner's.
 */
#ifndef MIRROR_DICTIONARY_H
#define MIRROR_DICTIONARY_H

#include <archeio/str.h>
#include <stdint.h>

/* All zero is an empty one. */
struct dictionary {
    struct dictionary_entry *entry; /* private, as all but n */
    size_t size;
    size_t n;
    uint64_t seed;
};

/* Where the value of a name is, NULL at first, valid until the next name is added; NULL: there is
 * no memory. The name is copied. */
void **dictionary_at(struct dictionary *d, struct str name);

/* The value; NULL: there is none. */
void *dictionary_find(const struct dictionary *d, struct str name);

/* Calls each for every name, in no order. */
void dictionary_each(const struct dictionary *d,
                     void (*each)(void *owner, struct str name, void *value), void *owner);

/* Releases the names; release (or NULL) gets every value. */
void dictionary_clear(struct dictionary *d, void (*release)(void *value));

#endif
