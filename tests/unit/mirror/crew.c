#include "mirror/crew.h"

#include "sys/clock.h"

#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#define TASKS 2000

struct job {
    struct crew_task task;
    unsigned runs;
    unsigned fails; /* so many times before it is done */
    unsigned order; /* when it was done */
    bool dropped;
};

static struct job job[TASKS];
static struct crew *crew;
static atomic_bool stop;
static atomic_uint finished, at_once, most_at_once;

static int setup(void **state)
{
    (void)state;
    memset(job, 0, sizeof(job));
    atomic_store(&stop, false);
    atomic_store(&finished, 0);
    atomic_store(&at_once, 0);
    atomic_store(&most_at_once, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    crew_free(crew);
    crew = NULL;
    return 0;
}

static void make(unsigned threads, struct crew_queue_options options)
{
    crew = crew_new(threads, &options, 1, &stop);
    assert_non_null(crew);
}

static void drop(struct crew_task *task)
{
    ((struct job *)(void *)task)->dropped = true;
}

static void run_all(void)
{
    const char *why;
    assert_true(crew_run(crew, drop, &why));
}

static void run_job(struct crew_task *task, struct exchange_client *client,
                    struct crew_result *result)
{
    struct job *j = (struct job *)(void *)task;
    assert_non_null(client);
    unsigned now = atomic_fetch_add(&at_once, 1) + 1, most = atomic_load(&most_at_once);
    while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now))
        ;
    if (j->runs++ < j->fails)
        *result = (struct crew_result){.verdict = CREW_AGAIN, .after = 5};
    else
        j->order = atomic_fetch_add(&finished, 1);
    atomic_fetch_sub(&at_once, 1);
}

static void add(unsigned i, int64_t weight)
{
    job[i].task.run = run_job;
    job[i].task.weight = weight;
    crew_add(crew, 0, &job[i].task);
}

static void every_task_is_done_once_and_those_that_fail_come_back(void **state)
{
    (void)state;
    make(8, (struct crew_queue_options){.at_once = 8});
    for (unsigned i = 0; i < TASKS; i++) {
        job[i].fails = i % 7 == 0 ? i % 4 : 0;
        add(i, 0);
    }
    run_all();
    assert_int_equal(atomic_load(&finished), TASKS);
    for (unsigned i = 0; i < TASKS; i++)
        assert_int_equal(job[i].runs, job[i].fails + 1);
    assert_in_range(atomic_load(&most_at_once), 1, 8);
}

static void no_more_run_at_once_than_may(void **state)
{
    (void)state;
    make(8, (struct crew_queue_options){.at_once = 3});
    for (unsigned i = 0; i < TASKS; i++)
        add(i, 0);
    run_all();
    assert_in_range(atomic_load(&most_at_once), 1, 3);
}

static void the_heaviest_are_first(void **state)
{
    (void)state;
    make(1, (struct crew_queue_options){.at_once = 1, .by_weight = true});
    for (unsigned i = 0; i < 40; i++)
        add(i, INT64_C(1) << i);
    add(40, 0);
    run_all();
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(job[i].order, 39 - i);
    assert_int_equal(job[40].order, 40);
}

static void light_ones_have_a_lane_of_their_own(void **state)
{
    (void)state;
    make(1, (struct crew_queue_options){.at_once = 1, .by_weight = true, .light = 1});
    for (unsigned i = 0; i < 40; i++)
        add(i, INT64_C(1) << i);
    run_all();
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(job[i].order, i);
}

static void complain(struct crew_task *task, struct exchange_client *client,
                     struct crew_result *result)
{
    (void)task;
    (void)client;
    result->throttled = true;
}

static void a_complaint_halves_the_bound_once(void **state)
{
    struct crew_status status;
    (void)state;
    make(4, (struct crew_queue_options){.at_once = 100});
    crew_status(crew, 0, &status);
    assert_int_equal(status.bound, 8);
    for (unsigned i = 0; i < 50; i++) {
        job[i].task.run = complain;
        crew_add(crew, 0, &job[i].task);
    }
    run_all();
    crew_status(crew, 0, &status);
    assert_int_equal(status.bound, 4);      /* fifty complaints at once are one ... */
    assert_int_equal(status.throttled, 50); /* ... and counted all the same */
    for (unsigned i = 100; i < TASKS; i++)
        add(i, 0);
    run_all();
    crew_status(crew, 0, &status);
    assert_in_range(status.bound, 30, 100);
}

/* A task that hands in another. */
static void spawn(struct crew_task *task, struct exchange_client *client,
                  struct crew_result *result)
{
    unsigned i = (unsigned)((struct job *)(void *)task - job);
    (void)client;
    (void)result;
    atomic_fetch_add(&finished, 1);
    if (i + 1 < TASKS) {
        job[i + 1].task.run = spawn;
        crew_add(crew, 0, &job[i + 1].task);
    }
}

static void tasks_may_hand_in_tasks(void **state)
{
    (void)state;
    make(4, (struct crew_queue_options){.at_once = 4});
    job[0].task.run = spawn;
    crew_add(crew, 0, &job[0].task);
    run_all();
    assert_int_equal(atomic_load(&finished), TASKS);
}

static void stop_all(struct crew_task *task, struct exchange_client *client,
                     struct crew_result *result)
{
    (void)task;
    (void)client;
    (void)result;
    atomic_store(&stop, true);
}

static void after_a_stop_the_rest_is_handed_back(void **state)
{
    unsigned dropped = 0;
    (void)state;
    make(1, (struct crew_queue_options){.at_once = 1});
    job[0].task.run = stop_all;
    crew_add(crew, 0, &job[0].task);
    for (unsigned i = 1; i < 100; i++)
        add(i, 0);
    run_all();
    for (unsigned i = 0; i < 100; i++)
        dropped += job[i].dropped;
    assert_int_equal(dropped, 99);
    assert_false(job[0].dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_task_is_done_once_and_those_that_fail_come_back,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_run_at_once_than_may, setup, teardown),
        cmocka_unit_test_setup_teardown(the_heaviest_are_first, setup, teardown),
        cmocka_unit_test_setup_teardown(light_ones_have_a_lane_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_complaint_halves_the_bound_once, setup, teardown),
        cmocka_unit_test_setup_teardown(tasks_may_hand_in_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_stop_the_rest_is_handed_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
