/*
 * What stores hold, learned by listing them: some hundred requests for 100,000 blobs, where asking
 * for each would take 100,000.
 */
#ifndef MIRROR_INVENTORY_H
#define MIRROR_INVENTORY_H

#include "mirror/catalog.h"
#include "mirror/crew.h"
#include "mirror/report.h"
#include "mirror/store.h"

struct inventory {
    struct store *const *store;
    size_t n_stores;
    const char *blobs;       /* where the blobs lie: + digest */
    const char *records;     /* where the records do: + digest; "": they are not listed */
    struct catalog *catalog; /* that is told of them; NULL: this is */
    void (*listed)(void *owner, const struct digest *d); /* any thread */
    void *owner;
    struct report *report;
    struct crew *crew;
    unsigned queue;          /* of the crew */
    unsigned server;         /* the first store's number in the crew; the others' follow */
    _Atomic uint32_t failed; /* a bit for each store that could not be listed: it has been reported,
                                once, and what it holds is not known */
};

/* Hands in the tasks, which tell the catalog; inventory_drop() is for those that will not run.
 * False: no memory. */
bool inventory_begin(struct inventory *v);
bool inventory_drop(struct crew_task *task);

#endif
