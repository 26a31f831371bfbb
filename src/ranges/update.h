/*
 * Downloads one official file, checks it, and puts it in the place of the old one. Whatever goes
 * wrong, the old one stays.
 */
#ifndef RANGES_UPDATE_H
#define RANGES_UPDATE_H

#include "client/fetch.h"
#include "ranges/ranges.h"
#include "ranges/state.h"
#include <stdatomic.h>

/* fetch_get(), or what a test puts in its place. */
typedef bool update_get(const struct fetch_request *request, struct fetch_response *response,
                        char error[256]);

struct update_options {
    const char *directory;
    unsigned max_shrink;     /* percent of a file's prefixes that an update may lose */
    bool keep_in_memory;     /* where the directory cannot be written, that is no failure, and what
                                is held is CURRENT while the server has nothing newer */
    update_get *get;         /* NULL: fetch_get() */
    const atomic_bool *stop; /* NULL, or: once true, a download is given up */
};

enum update_outcome {
    UPDATE_CURRENT, /* the server has nothing newer */
    UPDATE_CHANGED,
    UPDATE_FAILED,
};

struct update_result {
    enum update_outcome outcome;
    struct ranges *before; /* what the file on disk said; NULL if there was none (or a bad one) */
    struct ranges *after;  /* UPDATE_CHANGED: what it says now */
    bool unwritten;        /* UPDATE_CHANGED: it is in `after` only */
    char error[1024];      /* UPDATE_FAILED, or why it is unwritten: one line */
    const char *kept; /* UPDATE_FAILED: whether older data goes on counting, in words (static) */
};

/* Updates source_table[source]. held: what an earlier update left unwritten, or NULL; it counts as
 * the file on disk then. state: the file's entry; it is brought up to date, writing it is the
 * caller's. Blocks for as long as the downloads take, at most two minutes. */
void update_source(size_t source, const struct update_options *options, const struct ranges *held,
                   struct state_entry *state, struct update_result *result);
void update_release(struct update_result *result);

#endif
