/*
 * Where the access log's lines go: a file, a pipe, or whatever stdout is.
 *
 * One thread writes. A pipe that nobody reads or a stopped terminal holds up that thread, and
 * nobody else: the control thread changes the target and ends the log without waiting for it.
 */
#ifndef SERVER_ACCESS_SINK_H
#define SERVER_ACCESS_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCESS_SINK_PATIENCE (1000 * 1000000LL) /* nanoseconds, from the end on */

struct access_sink { /* private, as all */
    int fd;
    bool may_block;
    bool torn;     /* the last line there has no end: the rest of it was refused */
    int next;      /* atomic: the descriptor to go over to; -1: none */
    int wake;      /* an eventfd: the writing thread is to look up */
    int64_t until; /* atomic: nothing is waited for any longer */
};

/* target: "stdout" or a file, opened for appending (0640). 0 or an errno; access_sink_close() in
 * either case. */
int access_sink_open(struct access_sink *s, const char *target);

/* Releases all; the writing thread has ended. */
void access_sink_close(struct access_sink *s);

/* From any thread: what is written from now on goes to target. 0 or an errno: then the old one
 * stays. */
int access_sink_reopen(struct access_sink *s, const char *target);

/* From any thread: the end is near, so that what takes nothing is waited for no longer than
 * ACCESS_SINK_PATIENCE. */
void access_sink_hurry(struct access_sink *s);

/* From any thread: ends access_sink_rest(), or the next one. */
void access_sink_wake(struct access_sink *s);

/* Writes lines, whole ones unless the target fails in the middle of one. How many were lost. */
uint64_t access_sink_write(struct access_sink *s, const char *data, size_t len);

/* Waits for access_sink_wake(). */
void access_sink_rest(struct access_sink *s);

#endif
