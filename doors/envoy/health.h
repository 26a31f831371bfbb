/*
 * Whether a store is alive, as far as one of Envoy's threads has seen.
 *
 * After three HEAD errors in a row a store is down: what the cache says of it is ignored, and its
 * questions are answered at once with "unknown", until a trial (one a second) succeeds. While
 * clients are being sent to it, and 30 s longer, a HEAD of what they were sent for last, every 5 s,
 * watches it: within 10 s of its death it is known to be down. Where that is no longer there,
 * nothing counts as present before it has been asked for again.
 */
#ifndef ENVOY_HEALTH_H
#define ENVOY_HEALTH_H

#include "slots.h"

#define HEALTH_CHECK_TIMEOUT INT64_C(2000000000) /* of the HEADs that health_due() asks for */

/* Times are of the monotonic clock, in nanoseconds. All zero: nothing is known. */
struct health {
    bool down;
    bool watched;
    unsigned errors;        /* in a row */
    unsigned checking;      /* HEADs on their way that health_due() has asked for */
    int64_t last_ok;        /* when it last gave a usable answer */
    int64_t checked;        /* when the last watch or trial began */
    int64_t next;           /* when the next is due */
    int64_t redirected;     /* when a client was last sent there; 0: never */
    int64_t believed_since; /* what was found out earlier does not count */
    bool recent_path;       /* `recent` is of an object that has a path */
    size_t recent_len;
    char recent[SLOTS_KEY_MAX]; /* the URL that a client was last sent to, or asked for */
};

enum health_change { HEALTH_SAME, HEALTH_WENT_DOWN, HEALTH_CAME_UP };

/* One HEAD has ended so (not SLOTS_MISS). */
enum health_change health_note(struct health *h, enum slots_state state, int64_t now);

/* One has ended with an error of which the path may be the cause: a store that was down answers. */
enum health_change health_note_odd(struct health *h);

/* A client was sent to that URL of the store; or asks for it, and nobody knows yet. path: of an
 * object that has one. */
void health_redirected(struct health *h, struct str url, bool path, int64_t now);
void health_asked(struct health *h, struct str url, bool path);

/* Whether the store needs to be looked at with every tick. */
bool health_follows(const struct health *h, int64_t now);

/* Whether a HEAD of `recent` is due: a watch, or the trial of a store that is down. If so, it is
 * taken as begun. */
bool health_due(struct health *h, int64_t now);

/* After health_note() of a watch: how many HEADs more are to follow at once, so that one error
 * becomes three, or none. */
unsigned health_again(const struct health *h);

#endif
