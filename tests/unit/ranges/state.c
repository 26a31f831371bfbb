#include "ranges/state.h"

#include "directory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct state_entry entry(int64_t checked, const char *url, const char *etag)
{
    struct state_entry e = {.checked = checked, .modified = 7, .hash = UINT64_MAX};
    snprintf(e.url, sizeof(e.url), "%s", url);
    snprintf(e.etag, sizeof(e.etag), "%s", etag);
    return e;
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static struct state out, in;
    struct directory dir;
    directory_make(&dir);
    out.entry[0] = entry(1000, "https://a.example/x", "\"abc\"");
    out.entry[2] = entry(2000, "https://c.example/y", "");
    assert_int_equal(state_write(&out, dir.path), 0);
    state_read(&in, dir.path);
    assert_memory_equal(&in, &out, sizeof(in));
    directory_remove(&dir);
}

static void an_etag_that_would_break_a_line_is_not_kept(void **state)
{
    (void)state;
    static struct state out, in;
    struct directory dir;
    directory_make(&dir);
    out.entry[1] = entry(1000, "https://a.example/x", "a\tb");
    assert_int_equal(state_write(&out, dir.path), 0);
    state_read(&in, dir.path);
    assert_int_equal(in.entry[1].checked, 1000);
    assert_string_equal(in.entry[1].etag, "");
    assert_string_equal(in.entry[1].url, "");
    directory_remove(&dir);
}

static void damaged_lines_are_as_good_as_none(void **state)
{
    (void)state;
    static const char good[] = "gcp-cloud.json\t5\t6\t7\thttps://g.example/\te\n";
    static const char *const bad[] = {"",
                                      "\n\n\n",
                                      "\t\t\t\t\t\n",
                                      "gcp-cloud.json",
                                      "gcp-cloud.json\tx\t6\t7\tu\te\n",
                                      "gcp-cloud.json\t5\t-6\t7\tu\te\n",
                                      "gcp-cloud.json\t5\t6\t\tu\te\n",
                                      "other.json\t5\t6\t7\tu\te\n",
                                      "gcp-cloud.json\t5\t6\t7\tu\te\te\n"};
    static struct state in;
    struct directory dir;
    directory_make(&dir);
    state_read(&in, dir.path);
    assert_int_equal(in.entry[1].checked, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        directory_write(&dir, "update.state", bad[i]);
        state_read(&in, dir.path);
        assert_int_equal(in.entry[1].checked, 0);
    }
    directory_write(&dir, "update.state", good);
    state_read(&in, dir.path);
    assert_int_equal(in.entry[1].checked, 5);
    assert_string_equal(in.entry[1].etag, "e");
    directory_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(an_etag_that_would_break_a_line_is_not_kept),
        cmocka_unit_test(damaged_lines_are_as_good_as_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
