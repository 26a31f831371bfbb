#include "mirror/subjects.h"

#include "check.h"

#include <stdio.h>

#define THREADS 4
#define N 2000

static struct digest digest_of(unsigned i)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    memcpy(d.bytes, &i, sizeof(i));
    return d;
}

static void each_is_new_once_in_each_repository(void **state)
{
    struct subjects s;
    const struct digest one = digest_of(1), two = digest_of(2);
    (void)state;
    subjects_open(&s);
    assert_true(subjects_add(&s, STR("a"), &one));
    assert_false(subjects_add(&s, STR("a"), &one));
    assert_true(subjects_add(&s, STR("a"), &two));
    assert_true(subjects_add(&s, STR("b"), &one));
    assert_true(subjects_add(&s, STR(""), &one));
    assert_false(subjects_add(&s, STR("b"), &one));
    subjects_close(&s);
}

struct adder {
    pthread_t thread;
    struct subjects *subjects;
    unsigned added;
};

static void *add_all(void *argument)
{
    struct adder *a = argument;
    for (unsigned i = 0; i < N; i++) {
        const struct digest d = digest_of(i);
        a->added += subjects_add(a->subjects, STR("a"), &d);
    }
    return NULL;
}

static void of_many_threads_one_is_told(void **state)
{
    struct subjects s;
    struct adder adder[THREADS];
    unsigned added = 0;
    (void)state;
    subjects_open(&s);
    for (int i = 0; i < THREADS; i++) {
        adder[i] = (struct adder){.subjects = &s};
        assert_int_equal(pthread_create(&adder[i].thread, NULL, add_all, &adder[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(adder[i].thread, NULL);
        added += adder[i].added;
    }
    assert_int_equal(added, N);
    subjects_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_new_once_in_each_repository),
        cmocka_unit_test(of_many_threads_one_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
