/*
 * Finds what a registry holds: repositories, their manifests, what those name. Each manifest is
 * read once, however many tags and indexes lead to it.
 */
#ifndef MIRROR_WALK_H
#define MIRROR_WALK_H

#include "mirror/catalog.h"
#include "mirror/crew.h"
#include "mirror/pattern.h"
#include "mirror/registry.h"
#include "mirror/report.h"
#include "mirror/subjects.h"

struct walk {
    struct registry *registry;
    struct catalog *catalog;
    struct report *report;
    struct subjects *subjects; /* empty */
    struct crew *crew;
    unsigned queue;  /* of the crew */
    unsigned server; /* the registry's number in the crew */
    struct pattern_lists repositories;
    struct pattern_lists tags;
    struct pattern_lists platforms; /* of an index's children that say theirs */

    /* A blob was named for the first time. From any of the crew's threads. */
    void (*blob)(void *owner, uint32_t number);
    void *owner;

    /* Counted for people. */
    _Atomic uint64_t manifests;

    /* Private: what patterns were asked about, and what they let through; repositories that were
     * named, and that were there. */
    struct walk_sieve {
        _Atomic uint64_t seen, admitted;
    } seen_tags, seen_platforms, seen_repositories;
};

/* Hands in the first task: all that lies below the registry's prefix. False: no memory, here as
 * below. */
bool walk_all(struct walk *w);

/* Hands in one reference: "repository:tag" or "repository@digest", relative to the prefix. False,
 * too, if it is none. */
bool walk_reference(struct walk *w, struct str reference);

/* After its last task: reports patterns that let nothing through, and a registry that has nothing
 * of what it names; hardly anybody means that. */
void walk_end(struct walk *w);

/* For crew_run(): a task of this walk that will not run. */
bool walk_drop(struct crew_task *task);

#endif
