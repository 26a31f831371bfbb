/*
 * A listener that gives out a few short texts to GET and HEAD: metrics, health. One request a
 * connection; few connections at once. For loops that do nothing urgent.
 */
#ifndef SERVER_PAGES_H
#define SERVER_PAGES_H

#include "io/loop.h"
#include <archeio/str.h>

struct pages;

struct pages_answer {
    const char *status; /* "200 OK", static */
    char *body;         /* malloc()ed, taken over; NULL: no memory, and the connection is closed */
    size_t len;
};

struct pages_options {
    /* False: there is no such page. From the loop's thread. */
    bool (*answer)(void *owner, struct str path, struct pages_answer *out);
    void *owner;
    const char *known; /* what there is, for who asks for something else: a line */
};

/* On "ADDRESS:PORT"; a port of 0 becomes one that is free. loop was opened with stream_expired().
 * NULL: *why (static). */
struct pages *pages_open(struct loop *loop, const char *address, const struct pages_options *o,
                         const char **why);

/* As text, valid until it is closed. */
const char *pages_address(const struct pages *p);

/* NULL is harmless. */
void pages_close(struct pages *p);

#endif
