/*
 * Threads that work off what is to be done: tasks in several queues, one after the other. A task
 * names the servers that it asks, and runs once each of them has a place for it: how many places a
 * server has follows what it says and how fast it answers ("mirror/bound.h"), whatever others do.
 *
 * A task that fails for now comes back after a while, to its queue's end.
 */
#ifndef MIRROR_CREW_H
#define MIRROR_CREW_H

#include "mirror/exchange.h"

struct crew;

/* What a task's function says of how it went. */
enum crew_verdict {
    CREW_DONE,  /* or failed for good: it is not run again */
    CREW_AGAIN, /* after `after` milliseconds */
};

#define CREW_SERVERS_MAX 17

struct crew_result {
    enum crew_verdict verdict;
    int64_t after;
    uint32_t answered; /* a bit for each server of which something was learned; crew_answer() */
    uint32_t throttled;
    int64_t delay[CREW_SERVERS_MAX];
};

/* Of a task's server: it did what it was asked for (delay: as bound_answer() has it), or wants
 * less. What says nothing of how much it can do is not told. */
void crew_answer(struct crew_result *result, unsigned server, bool throttled, int64_t delay);

/* A task, embedded in whatever it is about; its owner's until it is handed in, and again from its
 * last run on (run may release it then). */
struct crew_task {
    void (*run)(struct crew_task *task, struct exchange_client *client, struct crew_result *result);
    int64_t weight;         /* of queues by weight: the largest first */
    uint32_t servers;       /* a bit for each that it asks */
    struct crew_task *next; /* private, as what follows */
    int64_t due;
    unsigned queue;
    bool light; /* it runs in the place of a light one */
};

struct crew_queue_options {
    unsigned at_once; /* tasks, at most */
    bool by_weight;   /* else in their order */
    unsigned light;   /* by weight: so many of at_once take the smallest instead, lest they wait for
                       * ever */
};

#define CREW_QUEUES_MAX 8

struct crew_options {
    unsigned threads;
    const struct crew_queue_options *queues;
    size_t n_queues;        /* at most CREW_QUEUES_MAX */
    const unsigned *places; /* of each server, at most */
    size_t n_servers;       /* at most CREW_SERVERS_MAX */
    const atomic_bool *stop;
};

/* Starts no thread yet. A queue's tasks are taken before those of the next, where servers have
 * places for both. NULL: no memory. */
struct crew *crew_new(const struct crew_options *options);

/* Hands a task in, from any thread, a task's own included. */
void crew_add(struct crew *c, unsigned queue, struct crew_task *task);

/* Runs until nothing is left to be done, or stop. False: no thread or no libcurl was to be had;
 * *why (static). What is left then, or after stop, is handed to drop, which hands nothing in. */
bool crew_run(struct crew *c, void (*drop)(struct crew_task *task), const char **why);

struct crew_status {
    uint64_t waiting; /* tasks, those that come back included */
    unsigned running;
};

void crew_status(struct crew *c, unsigned queue, struct crew_status *out);

struct crew_server {
    unsigned running;   /* tasks that ask it */
    unsigned places;    /* as things stand */
    uint64_t throttled; /* how often it wanted less */
};

void crew_server(struct crew *c, unsigned server, struct crew_server *out);

void crew_free(struct crew *c);

#endif
