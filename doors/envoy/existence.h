/*
 * Existence: is this object in that store? The cache, the HEADs, and the health of stores, in one.
 */
#ifndef ENVOY_EXISTENCE_H
#define ENVOY_EXISTENCE_H

#include "root.h"

struct existence_question {
    uint32_t store;
    bool path;      /* the object has one in the place of a digest */
    struct str url; /* of the object: what is asked for, and the cache's key */
};

/* What is known now. SLOTS_MISS: nothing, so ask. */
enum slots_state existence_find(struct root *r, const struct existence_question *q, int64_t now);

/* Asks, or joins those who have. The flight to wait for; FLIGHTS_NONE: nobody can be asked. */
uint32_t existence_ask(struct root *r, const struct existence_question *q);

/* A client was sent there. */
void existence_redirected(struct root *r, const struct existence_question *q, int64_t now);

/* A HEAD has ended, with that status; empty: without an answer. Who waited for it may go on:
 * request_go_on() is to follow. */
void existence_landed(struct root *r, uint32_t token, struct str status);

/* Watches stores, and tries those that are down. False: nothing is due until a request comes. */
bool existence_tick(struct root *r, int64_t now);

#endif
