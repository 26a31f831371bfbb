#include "mirror/dictionary.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#define N 20000

static struct str name_of(unsigned i, char out[16])
{
    return str_make(out, (size_t)sprintf(out, "%u", i));
}

static void count(void *owner, struct str name, void *value)
{
    char text[16];
    unsigned i = *(unsigned *)value;
    assert_true(str_eq(name, name_of(i, text)));
    ++*(unsigned *)owner;
}

static void each_name_has_its_value(void **state)
{
    struct dictionary d = {.n = 0};
    char text[16];
    unsigned seen = 0;
    (void)state;
    assert_null(dictionary_find(&d, STR("a")));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < N; i++) {
            void **value = dictionary_at(&d, name_of(i, text));
            assert_non_null(value);
            assert_true((*value == NULL) == (round == 0));
            if (round == 0)
                *value = malloc(sizeof(i));
            *(unsigned *)*value = i;
        }
    }
    assert_int_equal(d.n, N);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(*(unsigned *)dictionary_find(&d, name_of(i, text)), i);
    assert_null(dictionary_find(&d, STR("20000")));
    dictionary_each(&d, count, &seen);
    assert_int_equal(seen, N);
    dictionary_clear(&d, free);
    assert_int_equal(d.n, 0);
}

static void the_empty_name_is_one(void **state)
{
    struct dictionary d = {.n = 0};
    (void)state;
    *dictionary_at(&d, STR("")) = &d;
    assert_ptr_equal(dictionary_find(&d, (struct str){NULL, 0}), &d);
    dictionary_clear(&d, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_has_its_value),
        cmocka_unit_test(the_empty_name_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
