#include "check.h"

#include "sys/clock.h"
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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;
static bool told;

static void a_wait_ends_at_its_time(void **state)
{
    (void)state;
    thread_condition(&condition);
    pthread_mutex_lock(&lock);
    int64_t until = clock_now() + 50 * CLOCK_MS;
    while (clock_now() < until)
        thread_wait(&condition, &lock, until);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&condition);
}

static void *tell(void *argument)
{
    pthread_mutex_lock(&lock);
    told = true;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&lock);
    return argument;
}

static void a_signal_ends_a_wait_whose_time_is_far(void **state)
{
    static const int64_t far[] = {INT64_MAX, INT64_MAX / 2};
    const struct thread_options options = {.name = "tell", .cpu = -1};
    (void)state;
    thread_condition(&condition);
    for (size_t i = 0; i < 2; i++) {
        pthread_t thread;
        pthread_mutex_lock(&lock);
        told = false;
        assert_int_equal(thread_start(&thread, &options, tell, NULL), 0);
        while (!told)
            thread_wait(&condition, &lock, far[i]);
        pthread_mutex_unlock(&lock);
        pthread_join(thread, NULL);
    }
    pthread_cond_destroy(&condition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_name_and_takes_no_signals),
        cmocka_unit_test(a_thread_for_a_cpu_that_is_not_there_is_refused),
        cmocka_unit_test(a_wait_ends_at_its_time),
        cmocka_unit_test(a_signal_ends_a_wait_whose_time_is_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
