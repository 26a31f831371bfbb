#include "check.h"

#include "sys/thread.h"
#include <signal.h>

static void *note(void *argument)
{
    char *name = argument;
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    pthread_getname_np(pthread_self(), name, THREAD_NAME_MAX);
    return (void *)(intptr_t)(sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGPIPE) &&
                              !sigismember(&blocked, SIGSEGV));
}

static void a_thread_has_its_name_and_takes_no_signals(void **state)
{
    (void)state;
    pthread_t thread;
    void *fit;
    char name[THREAD_NAME_MAX] = "";
    const struct thread_options options = {.name = "a-name-that-is-too-long", .cpu = -1};
    sigset_t blocked;
    assert_int_equal(thread_start(&thread, &options, note, name), 0);
    pthread_join(thread, &fit);
    assert_string_equal(name, "a-name-that-is-");
    assert_true((intptr_t)fit);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGTERM)); /* the starter's are as they were */
}

static void a_thread_for_a_cpu_that_is_not_there_is_refused(void **state)
{
    (void)state;
    pthread_t thread;
    char name[THREAD_NAME_MAX];
    const struct thread_options options = {.name = "test", .cpu = 1023};
    assert_int_not_equal(thread_start(&thread, &options, note, name), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_name_and_takes_no_signals),
        cmocka_unit_test(a_thread_for_a_cpu_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
