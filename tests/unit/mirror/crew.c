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
    const unsigned places[] = {100, 100};
    crew = crew_new(&(struct crew_options){.threads = threads,
                                           .queues = &options,
                                           .n_queues = 1,
                                           .places = places,
                                           .n_servers = 2,
                                           .stop = &stop});
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

enum { FIRST = 1, SECOND = 2 }; /* servers' bits */

static unsigned places(unsigned server)
{
    struct crew_server status;
    crew_server(crew, server, &status);
    assert_int_equal(status.running, 0);
    return status.places;
}

static void complain(struct crew_task *task, struct exchange_client *client,
                     struct crew_result *result)
{
    (void)task;
    (void)client;
    crew_answer(result, 0, true, 0);
}

static void add_for(unsigned i, uint32_t servers,
                    void (*run)(struct crew_task *task, struct exchange_client *client,
                                struct crew_result *result))
{
    job[i].task.run = run;
    job[i].task.servers = servers;
    crew_add(crew, 0, &job[i].task);
}

static void a_complaint_halves_the_places_of_its_server_alone(void **state)
{
    struct crew_server status;
    (void)state;
    make(4, (struct crew_queue_options){.at_once = 100});
    assert_int_equal(places(0), 8);
    add_for(0, FIRST | SECOND, complain);
    run_all();
    assert_int_equal(places(0), 4);
    assert_int_equal(places(1), 8);
    for (unsigned i = 1; i < 50; i++)
        add_for(i, FIRST | SECOND, complain);
    run_all();
    assert_int_equal(places(0), 1);
    assert_int_equal(places(1), 8);
    crew_server(crew, 0, &status);
    assert_int_equal(status.throttled, 50);
}

/* Waits until as many run at once as may, or it takes too long. */
static void gather(struct crew_task *task, struct exchange_client *client,
                   struct crew_result *result)
{
    unsigned now = atomic_fetch_add(&at_once, 1) + 1, most = atomic_load(&most_at_once);
    (void)task;
    (void)client;
    (void)result;
    while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now))
        ;
    for (unsigned i = 0; i < 100 && atomic_load(&at_once) < 8; i++)
        usleep(1000);
    usleep(1000);
    atomic_fetch_sub(&at_once, 1);
    atomic_fetch_add(&finished, 1);
}

static void no_more_ask_a_server_than_it_has_places_whatever_queue_they_are_of(void **state)
{
    const struct crew_queue_options queues[] = {{.at_once = 100},
                                                {.at_once = 100, .by_weight = true, .light = 50}};
    const unsigned most[] = {8, 100};
    (void)state;
    crew = crew_new(&(struct crew_options){16, queues, 2, most, 2, &stop});
    for (unsigned i = 0; i < 100; i++) {
        job[i].task = (struct crew_task){.run = gather, .weight = i, .servers = FIRST | SECOND};
        crew_add(crew, i % 2, &job[i].task);
    }
    run_all();
    assert_int_equal(atomic_load(&finished), 100);
    assert_int_equal(atomic_load(&most_at_once), 8);
}

/* Holds its server's only place until the other's tasks are done. */
static void hold(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    (void)task;
    (void)client;
    (void)result;
    for (unsigned i = 0; i < 5000 && atomic_load(&finished) < 50; i++)
        usleep(1000);
    assert_true(atomic_load(&finished) >= 50);
}

static void check_full_server(const struct crew_queue_options *queue)
{
    const unsigned one[] = {1, 100};
    crew = crew_new(&(struct crew_options){4, queue, 1, one, 2, &stop});
    for (unsigned i = 0; i < 20; i++)
        add_for(i, FIRST, hold);
    for (unsigned i = 20; i < 70; i++)
        add_for(i, SECOND, run_job);
    run_all();
}

static void a_server_that_is_full_does_not_keep_anothers_tasks_waiting(void **state)
{
    (void)state;
    check_full_server(&(struct crew_queue_options){.at_once = 100});
}

static void the_same_by_weight(void **state)
{
    (void)state;
    check_full_server(&(struct crew_queue_options){.at_once = 100, .by_weight = true, .light = 50});
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
        cmocka_unit_test_setup_teardown(a_complaint_halves_the_places_of_its_server_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            no_more_ask_a_server_than_it_has_places_whatever_queue_they_are_of, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_full_does_not_keep_anothers_tasks_waiting,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_by_weight, setup, teardown),
        cmocka_unit_test_setup_teardown(tasks_may_hand_in_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_stop_the_rest_is_handed_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
