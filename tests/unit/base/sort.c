#include "base/sort.h"

#include "check.h"

enum { MANY = 1000 };

struct card {
    int value;
    int place; /* where it was */
};

static size_t comparisons;

static int by_value(const void *a, const void *b)
{
    const struct card *x = a, *y = b;
    comparisons++;
    return (x->value > y->value) - (x->value < y->value);
}

static void check_sorted(const struct card *card, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        assert_true(card[i - 1].value <= card[i].value);
        if (card[i - 1].value == card[i].value)
            assert_true(card[i - 1].place < card[i].place);
    }
}

static void any_number_of_items_is_sorted_and_what_is_alike_keeps_its_order(void **state)
{
    struct card card[40], spare[40];
    (void)state;
    for (size_t n = 0; n <= 40; n++) {
        int sum = 0;
        for (size_t i = 0; i < n; i++)
            card[i] = (struct card){.value = (int)(i * 7 % 11), .place = (int)i};
        const struct card *sorted = sort_merge(card, spare, n, sizeof(card[0]), by_value);
        assert_true(sorted == card || sorted == spare);
        check_sorted(sorted, n);
        for (size_t i = 0; i < n; i++)
            sum += sorted[i].place - (int)i;
        assert_int_equal(sum, 0);
    }
}

static void no_order_costs_more_than_n_log_n(void **state)
{
    static struct card card[MANY], spare[MANY];
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < MANY; i++)
            card[i].value = turn == 0 ? i : turn == 1 ? -i : i * 389 % MANY;
        comparisons = 0;
        sort_merge(card, spare, MANY, sizeof(card[0]), by_value);
        assert_true(comparisons <= 10 * MANY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_items_is_sorted_and_what_is_alike_keeps_its_order),
        cmocka_unit_test(no_order_costs_more_than_n_log_n),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
