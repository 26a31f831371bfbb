#include "mirror/kept_names.h"

#include "check.h"

#include <stdio.h>

#define N 5000

static void names_come_back_in_their_order(void **state)
{
    struct kept_names names = {.text = NULL};
    struct str name;
    char text[16], kind;
    (void)state;
    for (unsigned i = 0; i < N; i++) {
        int n = snprintf(text, sizeof(text), "%u", i);
        assert_true(kept_names_add(&names, "abc"[i % 3], str_make(text, (size_t)n)));
    }
    assert_true(kept_names_add(&names, 'z', STR("")));
    for (unsigned i = 0; i < N; i++) {
        int n = snprintf(text, sizeof(text), "%u", i);
        assert_true(kept_names_take(&names, &kind, &name));
        assert_int_equal(kind, "abc"[i % 3]);
        assert_true(str_eq(name, str_make(text, (size_t)n)));
    }
    assert_true(kept_names_take(&names, &kind, &name));
    assert_true(kind == 'z' && name.len == 0);
    assert_false(kept_names_take(&names, &kind, &name));
    kept_names_clear(&names);
    assert_false(kept_names_take(&names, &kind, &name));
}

static void there_is_an_end_to_what_is_kept(void **state)
{
    struct kept_names names = {.text = NULL};
    static const char long_name[1 << 20];
    size_t n = 0;
    (void)state;
    while (n < 100 && kept_names_add(&names, 'a', str_make(long_name, sizeof(long_name))))
        n++;
    assert_in_range(n, 1, 20);
    kept_names_clear(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_back_in_their_order),
        cmocka_unit_test(there_is_an_end_to_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
