#include "sys/thread.h"

#include "sys/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct start {
    void *(*run)(void *);
    void *argument;
    char name[THREAD_NAME_MAX];
};

/* By the thread itself: to name another one takes a file below /proc that a confined process may
 * not write. */
static void *begin(void *argument)
{
    struct start *start = argument;
    void *(*run)(void *) = start->run;
    void *what = start->argument;
    pthread_setname_np(pthread_self(), start->name);
    free(start);
    return run(what);
}

/* All but those that a thread brings upon itself, which must reach whoever reports them. */
static void block_signals(sigset_t *before)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static void set_attributes(pthread_attr_t *attr, const struct thread_options *options)
{
    if (options->stack > 0)
        pthread_attr_setstacksize(attr, options->stack);
    if (options->cpu < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)options->cpu, &set);
    pthread_attr_setaffinity_np(attr, sizeof(set), &set);
}

int thread_start(pthread_t *out, const struct thread_options *options, void *(*run)(void *),
                 void *argument)
{
    sigset_t before;
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error != 0)
        return error;
    struct start *start = malloc(sizeof(*start));
    if (start == NULL) {
        pthread_attr_destroy(&attr);
        return ENOMEM;
    }
    *start = (struct start){.run = run, .argument = argument};
    snprintf(start->name, sizeof(start->name), "%s", options->name);
    set_attributes(&attr, options);
    block_signals(&before);
    error = pthread_create(out, &attr, begin, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error != 0)
        free(start);
    return error;
}

/* By the clock of clock_now(), which nobody sets. */
void thread_condition(pthread_cond_t *out)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(out, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until)
{
    if (until == INT64_MAX) {
        pthread_cond_wait(condition, lock);
        return;
    }
    const struct timespec at = {.tv_sec = until / CLOCK_S, .tv_nsec = until % CLOCK_S};
    pthread_cond_timedwait(condition, lock, &at);
}
