/*
 * One blob from a registry to one or several stores, read once.
 *
 * Its bytes are hashed as they come and handed on as far as every store takes them; the last byte
 * is handed on only when all of them have been verified, so that no store can come to hold a wrong
 * or a cut blob under its key. A source that breaks off in the middle is asked for the rest while
 * the stores wait.
 */
#ifndef MIRROR_COPY_H
#define MIRROR_COPY_H

#include "mirror/crew.h"
#include "mirror/registry.h"
#include "mirror/store.h"

#define COPY_TARGETS_MAX 16

struct copy_target {
    struct store *store;
    unsigned server; /* its number in the crew */
    struct str key;
    struct store_outcome outcome; /* how it ended */
    bool done;                    /* the blob is there, whoever put it there */
};

struct copy {
    struct registry *source;
    unsigned server; /* its number in the crew */
    struct registry_blob blob;
    struct copy_target target[COPY_TARGETS_MAX];
    size_t n_targets;
    bool replace;            /* what the targets have under its key */
    _Atomic uint64_t got;    /* bytes that came, for people */
    _Atomic uint64_t *bytes; /* NULL, or: counts them, too, of all copies */
    const atomic_bool *stop;

    /* How it ended, where no target can be blamed: */
    struct registry_outcome outcome;
};

/* True: every target has it. False: outcome, or a target's, says why not; what may work later is
 * RETRY. Blocks. */
bool copy_run(struct copy *c, struct exchange_client *client);

/* Afterwards, if not every target has it: why, by the source or by a store; the store that will
 * fail again before one that may not. */
struct store_outcome copy_failure(const struct copy *c);

/* Afterwards: what it has shown of how much its servers can do. */
void copy_answers(const struct copy *c, struct crew_result *result);

#endif
