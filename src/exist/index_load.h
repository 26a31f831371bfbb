/*
 * From a store to a set: fetches a pointer, and the set that it names. Nothing is believed that is
 * not what its name says.
 */
#ifndef EXIST_INDEX_LOAD_H
#define EXIST_INDEX_LOAD_H

#include "exist/index.h"

#define INDEX_LOAD_ETAG_MAX 256

struct index_load {
    struct str base;                /* the store's URL with a slash at its end */
    const atomic_bool *stop;        /* once true, a fetch is given up within a second or so */
    char etag[INDEX_LOAD_ETAG_MAX]; /* of the pointer that is known; "": fetch it in any case */
    enum exist_index_failure failure;
    char why[512]; /* what failed, and where */
};

enum index_load_result {
    INDEX_LOAD_SAME,   /* the pointer is the one with that ETag */
    INDEX_LOAD_DONE,   /* it is another; l->etag is its own */
    INDEX_LOAD_FAILED, /* l->failure, l->why */
};

/* Blocks for ten seconds at most. */
enum index_load_result index_load_pointer(struct index_load *l, struct blob_index_pointer *out);

/* The set of a pointer: checked, named, not published. Blocks for two minutes at most. NULL: it
 * failed as above. */
struct index_set *index_load_set(struct index_load *l, struct index_table *x,
                                 const struct blob_index_pointer *p);

#endif
