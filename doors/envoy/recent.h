/*
 * What the shared cache has said lately, in one of Envoy's threads: to ask the host for it again
 * costs more than the rest of a decision. Only what is present is kept, and for a second; by then,
 * what other threads have found out meanwhile counts here, too.
 */
#ifndef ENVOY_RECENT_H
#define ENVOY_RECENT_H

#include "slots.h"

#define RECENT_MAX 128 /* of one hash there is one */
#define RECENT_FOR INT64_C(1000000000)

struct recent_one {
    int64_t until;  /* when this is to be forgotten; 0: there is nothing */
    int64_t expiry; /* as the shared cache has it */
    uint16_t len;
    char url[SLOTS_KEY_MAX];
};

struct recent {
    struct recent_one one[RECENT_MAX];
};

/* hash: slots_hash() of the URL. False: nothing is known here. */
bool recent_find(const struct recent *r, uint64_t hash, struct str url, int64_t now,
                 int64_t *expiry);

/* The shared cache has it as present, until then. */
void recent_put(struct recent *r, uint64_t hash, struct str url, int64_t expiry, int64_t now);

/* This thread has found out something else. */
void recent_drop(struct recent *r, uint64_t hash, struct str url);

#endif
