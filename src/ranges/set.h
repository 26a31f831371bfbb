/*
 * Prefixes and places while files are read: everything that they say, in the order they say it.
 * A file that turns out to be bad is taken back whole.
 */
#ifndef RANGES_SET_H
#define RANGES_SET_H

#include "ranges/ranges.h"

#define SET_PLACES_MAX 16383U /* clouds and regions that are told apart */

struct set_entry {
    struct prefix prefix;
    uint8_t rank; /* of two answers for one prefix, the lower counts */
    uint16_t place;
    uint16_t file;
    uint32_t order; /* the n-th that was added: of the same rank, the first counts */
};

struct set_place {
    char *text; /* owned: the cloud's, then the region's */
    struct str cloud;
    struct str region;
};

struct set {
    struct set_entry *entry;
    size_t n_entries;
    struct set_place *place;
    size_t n_places;
    struct ranges_file *file;
    size_t n_files;
    bool own;       /* the file that is being read is the operator's */
    uint16_t *slot; /* hash table of places: index + 1, 0 is free */
};

/* How far a set had got before a file. */
struct set_mark {
    size_t n_entries;
    size_t n_places;
};

struct set *set_new(void);
void set_free(struct set *s);

/* A file begins: what is added from now on is its. own: it is the operator's. False: there are too
 * many files, and nothing has begun. */
bool set_begin(struct set *s, const char *name, bool own, struct set_mark *mark);

/* Forgets the file that began there, and all that it said. */
void set_undo(struct set *s, const struct set_mark *mark);

/* The file that is being read; its cloud (owned) and date are for the reader to fill in. */
struct ranges_file *set_file(struct set *s);

/* Says that prefix is of cloud and (unless empty) region, both fit names (base/name.h). NULL, or
 * why it cannot be (static). */
const char *set_add(struct set *s, const struct prefix *prefix, struct str cloud,
                    struct str region);

/* What all files together say: each prefix once, by the rules of "ranges/ranges.h". The set is
 * released. */
struct ranges *set_finish(struct set *s);

#endif
