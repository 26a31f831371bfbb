#include "ranges/locate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char json[] = "{ \"a\\\"]\": [1, {\"x\": \"}\"}, []],\n"
                           "  \"list\": [\n"
                           "    {\"n\": -1.5e3, \"deep\": {\"text\": \"found\"}},\n"
                           "    null, true\n"
                           "  ], \"last\": 1 }\n";

static struct locate_position find(const struct locate_step *steps, size_t n)
{
    struct locate_path path = {.n = n};
    if (n > 0)
        memcpy(path.step, steps, n * sizeof(*steps));
    return locate_value(str_from(json), &path);
}

static void assert_at(struct locate_position p, unsigned line, unsigned column)
{
    assert_int_equal(p.line, line);
    assert_int_equal(p.column, column);
}

static void values_are_found_past_others_of_every_kind(void **state)
{
    (void)state;
    const struct locate_step deep[] = {{"list", 0}, {NULL, 0}, {"deep", 0}, {"text", 0}};
    const struct locate_step second[] = {{"list", 0}, {NULL, 1}};
    const struct locate_step third[] = {{"list", 0}, {NULL, 2}};
    const struct locate_step last[] = {{"last", 0}};
    assert_at(find(NULL, 0), 1, 1);
    assert_at(find(deep, 4), 3, 36);
    assert_at(find(second, 2), 4, 5);
    assert_at(find(third, 2), 4, 11);
    assert_at(find(last, 1), 5, 14);
}

static void what_is_missing_is_said_to_be_in_the_innermost_value_there_is(void **state)
{
    (void)state;
    const struct locate_step beyond[] = {{"list", 0}, {NULL, 7}};
    const struct locate_step member[] = {{"list", 0}, {NULL, 0}, {"none", 0}};
    const struct locate_step of_number[] = {{"last", 0}, {"x", 0}};
    assert_at(find(beyond, 2), 2, 11);
    assert_at(find(member, 3), 3, 5);
    assert_at(find(of_number, 2), 5, 14);
}

static void no_text_leads_outside_of_it(void **state)
{
    (void)state;
    const struct locate_path path = {.step = {{"list", 0}, {NULL, 2}}, .n = 2};
    for (size_t len = 0; len < sizeof(json); len++) {
        char *copy = malloc(len > 0 ? len : 1); /* exactly: the sanitizer sees one byte more */
        memcpy(copy, json, len);
        struct locate_position p = locate_value(str_make(copy, len), &path);
        assert_in_range(p.line, 1, 6);
        free(copy);
    }
}

static void paths_are_written_as_people_write_them(void **state)
{
    (void)state;
    const struct locate_path path = {
        .step = {{"values", 0}, {NULL, 17}, {"properties", 0}, {"region", 0}}, .n = 4};
    char out[64], small[8];
    assert_string_equal(locate_name(&path, out, sizeof(out)), "values[17].properties.region");
    assert_true(strlen(locate_name(&path, small, sizeof(small))) < sizeof(small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_past_others_of_every_kind),
        cmocka_unit_test(what_is_missing_is_said_to_be_in_the_innermost_value_there_is),
        cmocka_unit_test(no_text_leads_outside_of_it),
        cmocka_unit_test(paths_are_written_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
