/*
 * What failed for good, and why; for the summary, the file of failures, and the exit code. Any
 * thread.
 */
#ifndef MIRROR_REPORT_H
#define MIRROR_REPORT_H

#include <archeio/str.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

struct report { /* private; report_open() first */
    pthread_mutex_t lock;
    struct report_entry {
        char *what;
        char *why;
    } * entry;
    size_t n;             /* kept, at most REPORT_MAX ... */
    size_t bytes;         /* ... and REPORT_BYTES_MAX of their texts */
    _Atomic uint64_t all; /* with those that were not */
    _Atomic uint64_t retries;
    struct report_watcher {
        void (*failed)(void *owner, const char *what, const char *why);
        void (*retried)(void *owner, const char *why); /* it may work later */
        void *owner;
    } watcher;
};

#define REPORT_MAX 100000
#define REPORT_BYTES_MAX ((size_t)8 << 20)
#define REPORT_WHAT_MAX 512 /* room for the name of an image or a blob; longer ones are cut */

void report_open(struct report *r);
void report_close(struct report *r);

/* Tells it of everything from now on, from any thread, one at a time. It may take locks of its own
 * that it also holds while it reads the two numbers below. Before others use it. */
void report_watch(struct report *r, const struct report_watcher *watcher);

/* what: an image, a blob or a store, as people name it; where why begins with it, too, it is said
 * once. What is not printable ASCII is written as '?'. */
void report_failure(struct report *r, const char *what, const char *why);
void report_retry(struct report *r, const char *why);

/* So far. They wait for nobody. */
uint64_t report_failures(const struct report *r);
uint64_t report_retries(const struct report *r);

/* One line for each of the first so many, "WHAT\tWHY"; behind all that were kept, how many were
 * not.
 */
void report_write(struct report *r, size_t most, FILE *to);

#endif
