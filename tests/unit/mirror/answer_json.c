#include "mirror/answer_json.h"

#include "check.h"

/* "[X,X,...]" */
static char *many(const char *what, size_t n)
{
    size_t len = strlen(what);
    char *text = malloc(n * (len + 1) + 3), *at = text;
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        memcpy(at, what, len);
        at += len;
        *at++ = i + 1 < n ? ',' : ']';
    }
    *at = '\0';
    return text;
}

static void a_tree_that_would_take_too_much_memory_is_refused(void **state)
{
    (void)state;
    char why[160], *text = many("{}", 2 << 20);
    assert_null(answer_json_read(text, strlen(text), 0, why));
    assert_non_null(strstr(why, "too much JSON"));
    free(text);
}

/* Also after one that was refused. */
static void a_long_text_is_read_again_and_again(void **state)
{
    (void)state;
    char why[160], *text = many("\"0123456789abcdef0123456789abcdef\"", 100000);
    for (int i = 0; i < 3; i++) {
        json_t *root = answer_json_read(text, strlen(text), 0, why);
        assert_non_null(root);
        assert_int_equal(json_array_size(root), 100000);
        assert_string_equal(json_string_value(json_array_get(root, 99999)),
                            "0123456789abcdef0123456789abcdef");
        answer_json_done(root);
    }
    free(text);
}

static void a_large_text_in_it_is_not_counted_as_often_as_it_grows(void **state)
{
    (void)state;
    size_t len = 7 << 20;
    char why[160], *text = malloc(len);
    memset(text, 'x', len);
    memcpy(text, "[\"", 2);
    memcpy(text + len - 2, "\"]", 2);
    json_t *root = answer_json_read(text, len, 0, why);
    assert_non_null(root);
    answer_json_done(root);
    free(text);
}

static void what_is_no_json_is_said(void **state)
{
    (void)state;
    char why[160];
    assert_null(answer_json_read("[1,", 3, 0, why));
    assert_memory_equal(why, "no JSON: ", 9);
    answer_json_done(NULL);
}

/* What is made besides is of ordinary memory. */
static void other_trees_live_on(void **state)
{
    (void)state;
    char why[160];
    json_t *other = json_pack("{s:s}", "a", "b"), *root = answer_json_read("[1]", 3, 0, why);
    json_t *later = json_pack("{s:s}", "c", "d");
    answer_json_done(root);
    answer_json_done(answer_json_read("[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]", 37, 0, why));
    assert_string_equal(json_string_value(json_object_get(other, "a")), "b");
    assert_string_equal(json_string_value(json_object_get(later, "c")), "d");
    json_decref(other);
    json_decref(later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_that_would_take_too_much_memory_is_refused),
        cmocka_unit_test(a_long_text_is_read_again_and_again),
        cmocka_unit_test(a_large_text_in_it_is_not_counted_as_often_as_it_grows),
        cmocka_unit_test(what_is_no_json_is_said),
        cmocka_unit_test(other_trees_live_on),
    };
    answer_json_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
