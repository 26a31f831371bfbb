/*
 * HEAD requests to stores that are on their way, of one of Envoy's threads: one per URL, however
 * many wait for it. 200 is present; 404 and 403 are absent (S3 says 403 for a missing key where the
 * caller may not list), and so is a path that the store refuses; anything else is an error.
 * Redirects are not followed.
 *
 * A call belongs to the root context: it goes on when the request that asked is gone.
 */
#ifndef ENVOY_FLIGHTS_H
#define ENVOY_FLIGHTS_H

#include "slots.h"

#define FLIGHTS_MAX 256      /* at once */
#define FLIGHTS_PER_STORE 64 /* asked ones at once */
#define FLIGHTS_NONE UINT32_MAX

enum flights_kind {
    FLIGHTS_ASKED,   /* by a client */
    FLIGHTS_RECHECK, /* of what expires soon */
    FLIGHTS_WATCH,   /* is the store still alive? Nobody waits for this one, nor the next */
    FLIGHTS_AGAIN,   /* after a watch that failed */
    FLIGHTS_TRIAL,   /* is it alive again? */
};

struct flights_one {
    uint32_t token; /* the host's name for it; 0: this place is free */
    uint32_t store;
    enum flights_kind kind;
    bool path; /* of an object that has one, which clients make up */
    uint16_t len;
    char url[SLOTS_KEY_MAX];
};

struct flights {
    struct flights_one one[FLIGHTS_MAX];
};

struct flights_call {
    enum flights_kind kind;
    uint32_t store;
    bool path;
    struct str cluster;
    struct str url;
    int64_t timeout; /* nanoseconds */
};

/* Or else it is for the store's health. */
static inline bool flights_is_for_client(enum flights_kind kind)
{
    return kind == FLIGHTS_ASKED || kind == FLIGHTS_RECHECK;
}

static inline struct str flights_url(const struct flights_one *one)
{
    return str_make(one->url, one->len);
}

/* Of the kinds ASKED and RECHECK, the one for that URL. */
uint32_t flights_find(const struct flights *f, struct str url);

/* May one more client's question to that store be asked? */
bool flights_have_room(const struct flights *f, uint32_t store);

/* Sends one. FLIGHTS_NONE: there is no such cluster, or no room. */
uint32_t flights_start(struct flights *f, const struct flights_call *call);

/* The flight that the host names so has ended: its number (free again) and what it was about.
 * FLIGHTS_NONE: there is none. */
uint32_t flights_land(struct flights *f, uint32_t token, struct flights_one *ended);

/* What an answer with that status means; empty: there was no answer. */
enum slots_state flights_judge(const struct flights_one *one, struct str status);

/* Of what is an error by that: may it be the fault of the path, because the store answers? Some
 * clients make up paths for which a store has nothing but errors. */
bool flights_is_odd(const struct flights_one *one, struct str status);

#endif
