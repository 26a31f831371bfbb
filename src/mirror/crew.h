/*
 * Threads that work off what is to be done: tasks in several queues, one after the other, each
 * queue with a bound on how many run at once that follows what the other side says.
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

struct crew_result {
    enum crew_verdict verdict;
    int64_t after;
    bool throttled; /* the other side wants less: the queue's bound is halved */
};

/* A task, embedded in whatever it is about; its owner's until it is handed in, and again from its
 * last run on (run may release it then). */
struct crew_task {
    void (*run)(struct crew_task *task, struct exchange_client *client, struct crew_result *result);
    int64_t weight;         /* of queues by weight: the largest first */
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

/* Starts no thread yet. A queue's tasks are taken before those of the next. NULL: no memory. */
struct crew *crew_new(unsigned threads, const struct crew_queue_options *queues, size_t n_queues,
                      const atomic_bool *stop);

/* Hands a task in, from any thread, a task's own included. */
void crew_add(struct crew *c, unsigned queue, struct crew_task *task);

/* Runs until nothing is left to be done, or stop. False: no thread or no libcurl was to be had;
 * *why (static). What is left then, or after stop, is handed to drop, which hands nothing in. */
bool crew_run(struct crew *c, void (*drop)(struct crew_task *task), const char **why);

struct crew_status {
    uint64_t waiting; /* tasks, those that come back included */
    unsigned running;
    unsigned bound;     /* tasks at once, as things stand */
    uint64_t throttled; /* how often the other side wanted less */
};

void crew_status(struct crew *c, unsigned queue, struct crew_status *out);

void crew_free(struct crew *c);

#endif
