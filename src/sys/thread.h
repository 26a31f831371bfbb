/*
 * Threads that take no signals: those are the first thread's.
 */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H

#include <pthread.h>

#define THREAD_NAME_MAX 16 /* with its terminator: what the kernel shows */

struct thread_options {
    const char *name; /* what is too long is cut */
    size_t stack;     /* bytes; 0: the system's default */
    int cpu;          /* to run on; -1: any */
};

/* Starts run(argument); join *out. Returns 0 or an errno, and then *out is undefined. */
int thread_start(pthread_t *out, const struct thread_options *options, void *(*run)(void *),
                 void *argument);

#endif
