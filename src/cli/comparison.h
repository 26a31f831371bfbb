/*
 * One request through the decisions of two snapshots, side by side: for `archeio diff`.
 */
#ifndef CLI_COMPARISON_H
#define CLI_COMPARISON_H

#include <archeio/decide.h>

/* A field of a request. */
struct comparison_field {
    struct str name; /* in lower case */
    struct str value;
};

struct comparison_request {
    enum decide_method method;
    struct str target; /* at most DECIDE_TARGET_MAX bytes */
    struct str host;
    const struct comparison_field *fields;
    size_t n_fields;
};

/* One of the two. */
struct comparison_side {
    const struct snapshot *snapshot;
    char *buffer; /* owned */
    size_t size;
    struct str headers[SNAPSHOT_HEADERS_MAX];
    struct decide_request request;
    struct decision decision;
    enum decide_next next;
};

/* The snapshot outlives the side; comparison_close() it. */
void comparison_open(struct comparison_side *side, const struct snapshot *s);
void comparison_close(struct comparison_side *side);

/* Takes the decision as far as its first question. What the request refers to stays as it is as
 * long as the side is asked for anything. */
void comparison_begin(struct comparison_side *side, const struct comparison_request *request,
                      const struct addr *client);
void comparison_resume(struct comparison_side *side, enum decide_existence existence);

/* Is what both are at the same to a client: the question about an object, or the answer? */
bool comparison_same(const struct comparison_side *a, const struct comparison_side *b);

/* Are they the same, whichever stores have the object? Both sides have begun, and are at their
 * answers then, or where they differ. */
bool comparison_all_same(struct comparison_side *a, struct comparison_side *b);

/* Where the client is sent, in words: the name of a store or upstream, a route's URL, a status. */
struct comparison_words {
    char text[256]; /* terminated; printable ASCII */
    size_t len;
};

/* Adds what the side is at; exactly: with the place's URL. */
void comparison_say(const struct comparison_side *side, bool exactly,
                    struct comparison_words *words);

/* Adds the way from there on, if no store has the object: "paris, else upstream". The side is at
 * its answer then. */
void comparison_say_rest(struct comparison_side *side, bool exactly,
                         struct comparison_words *words);

void comparison_add(struct comparison_words *words, struct str s);

/* "aws/eu-west-3, AS16509": what is known of a network. */
void comparison_say_network(const struct snapshot *s, uint32_t network,
                            struct comparison_words *words);

#endif
