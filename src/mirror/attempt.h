/*
 * What becomes of a task that failed: it comes back after a while ("mirror/retry.h"), or has been
 * tried often enough.
 */
#ifndef MIRROR_ATTEMPT_H
#define MIRROR_ATTEMPT_H

#include "mirror/crew.h"
#include "mirror/report.h"
#include "mirror/store.h"

/* It may work later (why: what the log says of it), and not before `after` milliseconds have
 * passed. True: the task comes back; *attempts have failed so far. */
bool attempt_again(unsigned *attempts, int64_t after, const char *why, struct report *report,
                   struct crew_result *result);

/* A call of a store, neither STORE_OK nor what else is wanted. True: the task comes back. False: it
 * has been reported, as `what`. */
bool attempt_store_again(unsigned *attempts, const struct store_outcome *out, const char *what,
                         struct report *report, struct crew_result *result);

#endif
