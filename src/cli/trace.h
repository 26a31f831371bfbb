/*
 * A decision taken step by step, with what every other outcome would have been: for `archeio
 * explain`.
 */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "decide/route.h"
#include <archeio/decide.h>

/* A store that the decision may send the client to, in the order of asking (step R12, or a route).
 */
struct trace_candidate {
    struct str store;
    struct str location; /* the blob there */
    bool indexed;        /* serve looks into its index before it asks */
    bool asked;          /* the decision came to it; then: */
    enum decide_existence existence;
    char detail[256]; /* why it is unknown; empty otherwise */
};

/* A route that was looked at, and why it is not taken. */
struct trace_try {
    enum route_condition failed; /* ROUTE_TAKEN: none, but an earlier one may have been taken */
    uint32_t field;              /* ROUTE_HEADER: which; snapshot_header() names it */
};

struct trace {
    const struct snapshot *snapshot;
    struct addr client;
    enum decide_method method;
    struct str target;
    struct str host;
    const struct str *headers; /* as in struct decide_request */
    bool located;              /* a prefix holds the client; then: */
    struct prefix prefix;
    struct snapshot_network network;
    bool routable;            /* its path is one that routes look at; then: */
    struct route_facts facts; /* what they see of it */
    struct trace_try *tried;  /* all of the snapshot's */
    struct decide_answer answer;
    struct trace_candidate *candidates;
    size_t n_candidates;             /* 0: nothing is asked for */
    struct decide_answer if_nowhere; /* if no candidate has it (step R13, or the route's last) */
    char *memory;                    /* private: the Locations */
    char *path;                      /* private: the path of the facts */
};

/* Says whether the candidate's store has the blob, and why that is unknown. */
typedef enum decide_existence trace_asker(void *context, struct trace_candidate *candidate);

/* Takes the decision for t's snapshot, client, method and target, which must outlive the trace;
 * the rest of *t is overwritten, and released by trace_release(). */
void trace_make(struct trace *t, trace_asker *ask, void *context);
void trace_release(struct trace *t);

#endif
