/*
 * One worker's questions: which keys it has asked for, and who waits for each.
 *
 * A key that is asked for has one entry, however many wait; the entry's number goes to the prober
 * in a ring and comes back with the answer in another. Both rings have room for all entries, so
 * neither can be full and no answer can be lost; the prober answers every question in bounded time,
 * so entries without waiters come back, too.
 */
#ifndef EXIST_ASKER_H
#define EXIST_ASKER_H

#include "exist/exist.h"
#include "exist/key.h"
#include "exist/ring.h"

struct asker_question {
    struct key key;  /* the worker writes it before it asks; nobody does until it is answered */
    struct str path; /* of an object that has one, in the asker's memory; empty for a digest */
    struct asker_question *subscriber; /* the prober's: the next that waits for the same HEAD */
    struct asker *asker;
    struct exist_waiter *waiters; /* the worker's, as what follows */
    uint32_t number;
    uint32_t next; /* in its chain, or of those that are free */
};

/* Numbers in it are one more than an index; 0 is none: so memory that was never used is not
 * touched. */
struct asker {
    struct asker_question *question;
    char *paths; /* EXIST_PATH_MAX bytes for each question, touched only by those that have one */
    uint32_t *chain;
    uint32_t mask;  /* of the chains */
    uint32_t free;  /* used before, and free again */
    uint32_t fresh; /* how many were ever used */
    uint32_t capacity;
    struct exist_waiter *ready; /* have the answer ready_state */
    enum exist_state ready_state;
    struct ring asked;
    struct ring answered;
    struct ring_bell bell; /* answers have come */
};

/* For at most `capacity` keys at once. False: no memory or descriptor. asker_close() in every
 * case. */
bool asker_open(struct asker *a, uint32_t capacity);
void asker_close(struct asker *a);

/* What is reserved for them, used or not. */
uint64_t asker_bytes(const struct asker *a);

enum asker_result {
    ASKER_FULL,
    ASKER_JOINED, /* somebody has asked already */
    ASKER_ASKED,  /* ring the prober's bell */
};

/* For the worker. */
enum asker_result asker_ask(struct asker *a, const struct key *key, struct str path,
                            struct exist_waiter *w);
struct exist_waiter *asker_collect(struct asker *a);

/* For the prober: the next question; NULL: none. Each must be answered. */
struct asker_question *asker_next(struct asker *a);
void asker_answer(struct asker_question *q, enum exist_state state);

#endif
