/*
 * Writes a record for each image all of whose blobs a store has.
 */
#ifndef MIRROR_RECORDS_H
#define MIRROR_RECORDS_H

#include "mirror/catalog.h"
#include "mirror/crew.h"
#include "mirror/report.h"
#include "mirror/store.h"

struct records { /* stays where it is while the crew runs */
    struct store *const *store;
    size_t n_stores;
    const char *prefix; /* where the records lie, with its last slash: + digest */
    struct catalog *catalog;
    struct report *report;
    struct crew *crew;
    unsigned queue;   /* of the crew */
    unsigned server;  /* the first store's number in the crew; the others' follow */
    uint32_t without; /* a bit for each store that gets none: what it holds is not known */
    unsigned current; /* private */
};

/* Hands in the tasks, each of which begins with its crew_task and is released with free(). For want
 * of memory some may be missing: the next run writes those. */
void records_begin(struct records *r);

#endif
