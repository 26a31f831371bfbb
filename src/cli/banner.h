/*
 * What `archeio serve` says when it has started: where it answers, and what it serves.
 */
#ifndef CLI_BANNER_H
#define CLI_BANNER_H

#include "config/config.h"
#include "server/server.h"
#include <archeio/snapshot.h>
#include <stdio.h>

/* Noted before the server takes what it is read from. */
struct banner {
    char *upstream; /* owned */
    uint32_t n_stores;
    uint32_t n_routes;
    uint32_t n_prefixes;
    int64_t oldest; /* when the oldest ranges file was published; 0: there is none */
    bool fetches;   /* ranges, in the background */
    bool is_preset; /* the registry is the built-in one */
};

/* from_snapshot: policy and ranges are a file's, the configuration says nothing of them. */
void banner_note(struct banner *b, const struct config *c, const struct snapshot *s,
                 bool from_snapshot);
void banner_print(const struct banner *b, const struct server_started *started, FILE *to);
void banner_release(struct banner *b);

#endif
