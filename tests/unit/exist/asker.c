#include "exist/asker.h"

#include "check.h"

#include <poll.h>

#define CAPACITY 4U

static struct asker *asker;

static int open_asker(void **state)
{
    (void)state;
    asker = aligned_alloc(_Alignof(struct asker), sizeof(*asker));
    return asker_open(asker, CAPACITY) ? 0 : -1;
}

static int close_asker(void **state)
{
    (void)state;
    asker_close(asker);
    free(asker);
    return 0;
}

/* Hashes that collide, so that chains are walked. */
static struct key make(uint8_t n)
{
    struct key key = {.hash = 7, .store = 3};
    key.digest = (struct digest){.algorithm = DIGEST_SHA256, .size = 32, .bytes = {n}};
    return key;
}

static enum asker_result ask(uint8_t n, struct exist_waiter *w)
{
    const struct key key = make(n);
    return asker_ask(asker, &key, STR(""), w);
}

static bool bell_rings(void)
{
    struct pollfd p = {.fd = asker->bell.fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static struct asker_question *next(uint8_t n)
{
    const struct key key = make(n);
    struct asker_question *q = asker_next(asker);
    assert_non_null(q);
    assert_true(key_eq(&q->key, &key));
    return q;
}

static void many_waiters_are_one_question(void **state)
{
    (void)state;
    static struct exist_waiter w[10000];
    memset(w, 0, sizeof(w));
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(ask(1, &w[i]), i == 0 ? ASKER_ASKED : ASKER_JOINED);
    struct asker_question *q = next(1);
    assert_null(asker_next(asker));
    assert_null(asker_collect(asker));
    asker_answer(q, EXIST_PRESENT);
    assert_true(bell_rings());
    unsigned n = 0;
    for (struct exist_waiter *got; (got = asker_collect(asker)) != NULL; n++) {
        assert_int_equal(got->state, EXIST_PRESENT);
        assert_null(got->link);
    }
    assert_int_equal(n, 10000);
    assert_false(bell_rings());
}

static void it_is_full_at_its_capacity_and_no_longer(void **state)
{
    (void)state;
    struct exist_waiter w[CAPACITY + 2] = {0};
    for (uint8_t round = 0; round < 10; round++) {
        for (uint8_t i = 0; i < CAPACITY; i++)
            assert_int_equal(ask(i, &w[i]), ASKER_ASKED);
        assert_int_equal(ask(9, &w[CAPACITY]), ASKER_FULL);
        assert_int_equal(ask(2, &w[CAPACITY + 1]), ASKER_JOINED);
        for (uint8_t i = 0; i < CAPACITY; i++)
            asker_answer(next(i), EXIST_ABSENT);
        for (uint8_t i = 0; i < CAPACITY + 1; i++)
            assert_non_null(asker_collect(asker));
        assert_null(asker_collect(asker));
    }
}

static void who_has_cancelled_is_not_handed_out(void **state)
{
    (void)state;
    struct exist_waiter w[4] = {0};
    for (size_t i = 0; i < 4; i++)
        ask(1, &w[i]);
    exist_cancel(&w[0]); /* the first, the last, and one in between */
    exist_cancel(&w[3]);
    exist_cancel(&w[1]);
    exist_cancel(&w[1]);
    asker_answer(next(1), EXIST_ERROR);
    assert_ptr_equal(asker_collect(asker), &w[2]);
    assert_null(asker_collect(asker));
}

static void who_cancels_between_the_answer_and_its_turn_is_not_handed_out(void **state)
{
    (void)state;
    struct exist_waiter w[3] = {0};
    for (size_t i = 0; i < 3; i++)
        ask(1, &w[i]);
    asker_answer(next(1), EXIST_ERROR);
    struct exist_waiter *first = asker_collect(asker);
    for (size_t i = 0; i < 3; i++)
        if (first != &w[i])
            exist_cancel(&w[i]);
    assert_null(asker_collect(asker));
    assert_false(bell_rings());
}

static void a_question_without_waiters_comes_back(void **state)
{
    (void)state;
    struct exist_waiter w = {0};
    for (uint8_t i = 0; i < 50; i++) {
        assert_int_equal(ask(i, &w), ASKER_ASKED);
        exist_cancel(&w);
        asker_answer(next(i), EXIST_ABSENT);
        assert_null(asker_collect(asker));
    }
}

static void it_may_be_asked_again_while_others_are_handed_out(void **state)
{
    (void)state;
    struct exist_waiter w[2] = {0};
    ask(1, &w[0]);
    ask(1, &w[1]);
    asker_answer(next(1), EXIST_ABSENT);
    struct exist_waiter *first = asker_collect(asker);
    assert_int_equal(ask(1, first), ASKER_ASKED);
    struct exist_waiter *second = asker_collect(asker);
    assert_true(second != first && second != NULL);
    assert_null(asker_collect(asker));
    asker_answer(next(1), EXIST_PRESENT);
    assert_ptr_equal(asker_collect(asker), first);
    assert_int_equal(first->state, EXIST_PRESENT);
    assert_int_equal(second->state, EXIST_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_waiters_are_one_question, open_asker, close_asker),
        cmocka_unit_test_setup_teardown(it_is_full_at_its_capacity_and_no_longer, open_asker,
                                        close_asker),
        cmocka_unit_test_setup_teardown(who_has_cancelled_is_not_handed_out, open_asker,
                                        close_asker),
        cmocka_unit_test_setup_teardown(
            who_cancels_between_the_answer_and_its_turn_is_not_handed_out, open_asker, close_asker),
        cmocka_unit_test_setup_teardown(a_question_without_waiters_comes_back, open_asker,
                                        close_asker),
        cmocka_unit_test_setup_teardown(it_may_be_asked_again_while_others_are_handed_out,
                                        open_asker, close_asker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
