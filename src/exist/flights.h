/*
 * The HEADs that are on their way or wait for their turn, by key: one per key, however many ask.
 */
#ifndef EXIST_FLIGHTS_H
#define EXIST_FLIGHTS_H

#include "exist/asker.h"
#include "exist/head.h"
#include "exist/stores.h"

enum flight_kind {
    FLIGHT_ASKED,   /* by a client */
    FLIGHT_RECHECK, /* of an entry that expires soon */
    FLIGHT_WATCH,   /* is the store still alive? Not in the table: its time limit is its own */
    FLIGHT_AGAIN,   /* after a watch that failed; the same */
    FLIGHT_TRIAL,   /* is it alive again? The same */
};

struct flight {
    struct key key;
    enum flight_kind kind;
    struct store *store;
    char *path; /* owned; NULL for a digest */
    struct asker_question *subscribers;
    struct head *head;     /* NULL: it waits in the store's queue */
    int64_t asked;         /* when */
    struct flight *next;   /* in its chain */
    struct flight *behind; /* in the queue */
};

struct flights {
    struct flight **chain;
    uint32_t mask;
    uint32_t n;
};

/* For about n flights. */
bool flights_open(struct flights *f, uint32_t n);
void flights_close(struct flights *f); /* with what is left in it, but for its heads */

struct flight *flights_find(const struct flights *f, const struct key *key);
void flights_add(struct flights *f, struct flight *flight);
void flights_remove(struct flights *f, const struct flight *flight);

/* Whether this kind is in the table. */
bool flights_hold(enum flight_kind kind);

/* Answers all who wait for a flight. */
void flights_answer(struct flight *flight, enum exist_state state);

/* Answers all who wait for flights of that store. */
void flights_answer_store(struct flights *f, const struct store *store, enum exist_state state);

#endif
