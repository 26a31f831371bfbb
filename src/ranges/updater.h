/*
 * The background update: a thread that keeps the official files current while the server runs.
 *
 * At start it fetches what is missing or was last checked longer than `refresh` ago, later each
 * file again every `refresh`, give or take a tenth, so that a fleet does not ask at once. What
 * fails is tried again after half a minute, then after twice as long each time, at most an hour
 * (or `refresh`, if that is shorter); the old data stays. Each change is logged, and offered as the
 * whole directory loaded anew; where the directory cannot be written, what was fetched is held in
 * memory in its files' places.
 *
 * All functions but updater_status() are the control thread's.
 */
#ifndef RANGES_UPDATER_H
#define RANGES_UPDATER_H

#include "ranges/update.h"

struct updater;

struct updater_options {
    const char *directory; /* copied */
    int64_t refresh;       /* nanoseconds; 0: never */
    unsigned max_shrink;
    int64_t retry;   /* nanoseconds before the first retry; 0: half a minute */
    update_get *get; /* NULL: fetch_get() */
};

struct updater_status {
    uint64_t updates;     /* files found current or replaced, since start */
    uint64_t failures;    /* since start */
    int64_t last_success; /* Unix seconds; 0: none since start */
    bool failing;         /* of some file the last try failed, and it will be tried again */
};

/* Without a thread yet: what has an effect on threads that start later can still be done. NULL and
 * *why (static) if no descriptor is left. */
struct updater *updater_new(const struct updater_options *options, const char **why);

/* Starts the thread, once. False and *why (static): there can be none. */
bool updater_start(struct updater *u, const char **why);

/* New settings after a reload. A new directory or refresh counts at once: each file's next update
 * is reckoned anew from when it was last known to be current. A download on its way still counts if
 * the directory is the same; what was offered or is held in memory for another one is forgotten. */
void updater_configure(struct updater *u, const struct updater_options *options);

/* Readable when updater_take() has something; the same for its life. */
int updater_fd(const struct updater *u);

/* The newest ranges, once: the caller's to free. NULL if nothing has changed since. */
struct ranges *updater_take(struct updater *u);

/* ranges_load(), with what is held in memory if it is for that directory: for reloads. */
struct ranges *updater_load(struct updater *u, const char *directory, struct diag *d);

/* From any thread. */
void updater_status(struct updater *u, struct updater_status *out);

/* Ends the thread, if there is one (a download on its way is given up within a second or so), and
 * releases all. */
void updater_stop(struct updater *u);

#endif
