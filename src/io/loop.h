/*
 * The event loop of one thread: descriptors that became ready, timers, and work put off to the end
 * of a turn. What HTTP sees of it is "io/stream.h" and "io/listener.h", in completion style;
 * readiness and descriptors stay in this room.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "io/pool.h"
#include "io/wheel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Work for the end of this turn, or the next one's if it is that end that asks. All zero is one
 * that is not put off. */
struct loop_task {
    struct loop_task *next; /* private */
    void (*run)(struct loop_task *task);
    bool queued;
};

/* A descriptor that is watched. events: EPOLLIN and so on. */
struct loop_source {
    uint32_t magic; /* private */
    int fd;
    void (*ready)(struct loop_source *source, uint32_t events);
    struct loop_source *next; /* private: of those that rest */
    bool resting;
};

struct loop {
    int epoll;
    int64_t now; /* clock_now(), read once a turn */
    struct wheel wheel;
    void (*expired)(struct wheel_timer *timer);
    struct loop_task *tasks;
    struct loop_task **tasks_end;
    struct loop_source *resting;
    int64_t rested; /* when they are watched again */
    /* Of "io/stream.h": */
    char *input;  /* where bytes are received */
    char *cipher; /* where encrypted ones are; NULL until there were any, as tls */
    struct tls_io *tls;
    struct pool *pool; /* the owner's; NULL: no stream of this loop sends or is encrypted */
};

/* 0 or an errno. expired is called for each timer whose deadline has passed. */
int loop_open(struct loop *l, void (*expired)(struct wheel_timer *timer));
void loop_close(struct loop *l);

/* Begins to watch source->fd (ready is set); 0 or an errno. Closing it ends that; a source must
 * stay in memory to the end of the turn that closes it. */
int loop_watch(struct loop *l, struct loop_source *source, uint32_t events);

/* Ends the watch without closing the descriptor. */
void loop_unwatch(struct loop *l, struct loop_source *source);

/* Leaves off watching a source for about a tenth of a second: one that stays ready although nothing
 * can be done about it now would keep the thread busy. It must stay in memory as long as the loop.
 */
void loop_rest(struct loop *l, struct loop_source *source);

void loop_defer(struct loop *l, struct loop_task *task);

/* Does now what was put off: at the end, before memory is released that a task lies in. */
void loop_run_deferred(struct loop *l);

/* Waits for something to happen, at most wait_ms or to the next timer, and does what is to be done.
 */
void loop_turn(struct loop *l, int wait_ms);

#endif
