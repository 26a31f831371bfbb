#include "ranges/arena.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "[[],[],...]": much more memory than text. */
static char *dense(size_t n)
{
    char *text = malloc(3 * n + 2);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 1 + 3 * i, "[],", 3);
    text[0] = '[';
    text[3 * n] = ']';
    text[3 * n + 1] = '\0';
    return text;
}

static void a_document_is_read_in_it_and_released(void **state)
{
    (void)state;
    static const char text[] = "{\"a\": [1, 2.5, \"three\", null], \"b\": {}}";
    for (int i = 0; i < 3; i++) {
        arena_begin(sizeof(text) - 1);
        json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_array_get(json_object_get(root, "a"), 2)),
                            "three");
        json_decref(root);
        arena_end();
    }
}

static void what_does_not_fit_comes_from_the_heap_and_goes_back_there(void **state)
{
    (void)state;
    const size_t n = 100000;
    char *text = dense(n);
    arena_begin(1);
    json_t *root = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(root), n);
    json_decref(root);
    arena_end();
    free(text);
}

static void values_from_before_outlive_it(void **state)
{
    (void)state;
    arena_begin(0);
    arena_end();
    json_t *old = json_loads("{\"kept\": [true]}", 0, NULL);
    arena_begin(1000);
    json_t *young = json_loads("[1]", 0, NULL);
    json_t *released = json_object_get(old, "kept");
    assert_true(json_is_true(json_array_get(released, 0)));
    assert_int_equal(json_object_del(old, "kept"), 0); /* heap memory, released inside */
    json_decref(young);
    arena_end();
    assert_int_equal(json_object_size(old), 0);
    json_decref(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_in_it_and_released),
        cmocka_unit_test(what_does_not_fit_comes_from_the_heap_and_goes_back_there),
        cmocka_unit_test(values_from_before_outlive_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
