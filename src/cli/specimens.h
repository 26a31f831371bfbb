/*
 * Requests that stand for all others: of every kind that there is, and such as the routes of a
 * snapshot are about.
 */
#ifndef CLI_SPECIMENS_H
#define CLI_SPECIMENS_H

#include "cli/comparison.h"

#define SPECIMENS_MAX 20000
#define SPECIMENS_NOWHERE SIZE_MAX

struct specimen {
    char *label; /* owned, as are the next two; for people: "blobs of team/..." */
    char *target;
    struct comparison_field *fields;
    struct comparison_request request; /* of these, and of text in the snapshot */
    size_t varies;                     /* where in the target eight hexadecimal digits may be any
                                        * others; SPECIMENS_NOWHERE */
};

struct specimens {
    struct specimen *one;
    size_t n;
    bool shared; /* some route takes a share of its clients only */
};

/* Adds those of a snapshot, which outlives the list, to one that is all zero at first.
 * specimens_release() it. */
void specimens_add(struct specimens *list, const struct snapshot *s);
void specimens_release(struct specimens *list);

/* Makes the i-th variant of a specimen; 0 is what it was. */
void specimens_vary(struct specimen *specimen, uint32_t i);

#endif
