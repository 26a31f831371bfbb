/*
 * What is wrong with a file that somebody wrote: all of it, in order, with positions. Printed as
 * "FILE:LINE:COLUMN: error: MESSAGE"; a line or column of 0 is left out.
 */
#ifndef SYS_DIAG_H
#define SYS_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag_message {
    enum diag_severity severity;
    char *file;    /* owned; "" if there is none (the environment, an argument) */
    unsigned line; /* from 1 */
    unsigned column;
    char *text; /* owned: what is wrong, what was expected, what to do */
};

/* All zero is an empty list. At most 100 errors are kept; the rest is counted. */
struct diag {
    struct diag_message *message;
    size_t n;
    size_t n_errors; /* with those that were not kept */
};

struct diag_at {
    const char *file;
    unsigned line;
    unsigned column;
};

void diag_error(struct diag *d, struct diag_at at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_warning(struct diag *d, struct diag_at at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the messages from index first on into the order of their positions. */
void diag_sort(struct diag *d, size_t first);

/* Prints every message, one a line. */
void diag_print(const struct diag *d, FILE *to);

/* Hands every message to log_error() or log_warning(). */
void diag_log(const struct diag *d);

/* Releases what the list owns and empties it. */
void diag_clear(struct diag *d);

/* The candidate nearest to word, for "did you mean": at most a third of its letters wrong; NULL if
 * none is. */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n);

#endif
