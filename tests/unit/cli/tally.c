/* What was seen most often, in bounded memory. */
#include "cli/tally.h"

#include "check.h"
#include <stdio.h>

static void add(struct tally *t, const char *text, unsigned times)
{
    while (times-- > 0)
        tally_add(t, str_from(text));
}

static void counts_are_exact_while_there_is_room(void **state)
{
    (void)state;
    struct tally t = {.n = 0};
    for (unsigned i = 0; i < TALLY_MAX; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        add(&t, text, i == 700 ? 5 : i == 3 ? 9 : 1);
    }
    tally_sort(&t);
    assert_int_equal(t.n, TALLY_MAX);
    assert_false(t.full);
    assert_true(str_eq(tally_text(&t, 0), STR("3")));
    assert_int_equal(t.entry[0].count, 9);
    assert_true(str_eq(tally_text(&t, 1), STR("700")));
    assert_int_equal(t.entry[1].count, 5);
    for (size_t i = 0; i < t.n; i++)
        assert_int_equal(t.entry[i].over, 0);
    tally_release(&t);
}

static void what_is_frequent_survives_a_flood_of_others(void **state)
{
    (void)state;
    struct tally t = {.n = 0};
    for (unsigned i = 0; i < 20000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "noise-%u", i);
        add(&t, text, 1);
        add(&t, "often", 1);
        if (i % 4 == 0)
            add(&t, "less", 1);
    }
    tally_sort(&t);
    assert_true(t.full);
    assert_true(str_eq(tally_text(&t, 0), STR("often")));
    assert_true(str_eq(tally_text(&t, 1), STR("less")));
    assert_int_equal(t.entry[0].count, 20000);
    assert_in_range(t.entry[1].count - t.entry[1].over, 1, 5000);
    assert_in_range(t.entry[1].count, 5000, 20000);
    tally_release(&t);
}

static void long_texts_are_cut_and_empty_ones_are_counted(void **state)
{
    (void)state;
    struct tally t = {.n = 0};
    char text[TALLY_TEXT_MAX + 9];
    memset(text, 'x', sizeof(text));
    tally_add(&t, str_make(text, sizeof(text)));
    tally_add(&t, str_make(text, sizeof(text) - 1));
    tally_add(&t, STR(""));
    assert_int_equal(t.n, 2);
    tally_sort(&t);
    assert_int_equal(tally_text(&t, 0).len, TALLY_TEXT_MAX);
    assert_int_equal(tally_text(&t, 1).len, 0);
    tally_release(&t);
    tally_sort(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact_while_there_is_room),
        cmocka_unit_test(what_is_frequent_survives_a_flood_of_others),
        cmocka_unit_test(long_texts_are_cut_and_empty_ones_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
