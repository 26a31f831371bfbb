/*
 * Threads that take no signals (those are the first thread's), and how they wait.
 */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H

#include <pthread.h>
#include <stdint.h>

#define THREAD_NAME_MAX 16 /* with its terminator: what the kernel shows */

struct thread_options {
    const char *name; /* what is too long is cut */
    size_t stack;     /* bytes; 0: the system's default */
    int cpu;          /* to run on; -1: any */
};

/* Starts run(argument); join *out. Returns 0 or an errno, and then *out is undefined. */
int thread_start(pthread_t *out, const struct thread_options *options, void *(*run)(void *),
                 void *argument);

/* A condition for thread_wait(); pthread_cond_destroy() it. */
void thread_condition(pthread_cond_t *out);

/* Waits for it, with the lock held, until that time of clock_now() at most; INT64_MAX: as long as
 * it takes. It may return without either having come. */
void thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until);

#endif
