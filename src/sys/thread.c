#include "sys/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>

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
    set_attributes(&attr, options);
    block_signals(&before);
    error = pthread_create(out, &attr, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error != 0)
        return error;
    char name[THREAD_NAME_MAX];
    snprintf(name, sizeof(name), "%s", options->name);
    pthread_setname_np(*out, name);
    return 0;
}
