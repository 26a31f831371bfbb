#include "ranges/ranges.h"

#include "directory.h"
#include "ranges/set.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define GCP(prefix, scope)                                                                         \
    "{\"prefixes\":[{\"ipv4Prefix\":\"" prefix "\",\"scope\":\"" scope "\"}]}"

static int make(void **state)
{
    static struct directory directory;
    directory_make(&directory);
    *state = &directory;
    return 0;
}

static int unmake(void **state)
{
    directory_remove(*state);
    return 0;
}

static const struct ranges_file *file_of(const struct ranges *r, const char *name)
{
    for (size_t i = 0; i < r->n_files; i++)
        if (strcmp(r->file[i].name, name) == 0)
            return &r->file[i];
    fail_msg("%s did not load", name);
    return NULL;
}

static void assert_place(const struct ranges *r, size_t i, const char *cloud, const char *region)
{
    const struct policy_place *p = &r->place[r->range[i].place];
    assert_true(str_eq(p->cloud, str_from(cloud)));
    assert_true(str_eq(p->region, str_from(region)));
}

static void a_bad_file_is_refused_and_the_others_load(void **state)
{
    struct directory *dir = *state;
    struct diag d = {0};
    directory_write(dir, "a.json", GCP("192.0.2.0/24", "one"));
    directory_write(dir, "b.json", GCP("192.0.2.0/99", "two"));
    directory_write(dir, "c.txt", "198.51.100.0/24 lab\n203.0.113.0/24\n");
    directory_write(dir, "d.json", "");
    directory_write(dir, "e.txt", "203.0.113.0/24 lab\n");
    directory_write(dir, "notes.md", "not a prefix");
    directory_write(dir, ".hidden.json", "not a prefix");
    assert_int_equal(mkdir(directory_file(dir, "f.json"), 0700), 0);
    struct ranges *r = ranges_load(dir->path, &d);
    assert_int_equal(r->n_files, 2);
    assert_int_equal(r->n_refused, 4);
    assert_int_equal(r->n_ranges, 2);
    assert_int_equal(r->n_places, 2);
    assert_place(r, 0, "gcp", "one");
    assert_place(r, 1, "lab", "");
    assert_int_equal(d.n_errors, 4);
    assert_string_equal(d.message[0].file, directory_file(dir, "b.json"));
    assert_true(file_of(r, "e.txt")->modified > 0);
    ranges_free(r);
    diag_clear(&d);
}

static void a_missing_directory_is_an_empty_set_and_a_warning(void **state)
{
    (void)state;
    struct diag d = {0};
    struct ranges *r = ranges_load("/nonexistent/ranges", &d);
    assert_int_equal(r->n_ranges, 0);
    assert_int_equal(r->n_refused, 0);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.n_errors, 0);
    assert_non_null(strstr(d.message[0].text, "archeio ranges update"));
    ranges_free(r);
    diag_clear(&d);
}

static void what_is_no_directory_is_an_empty_set_and_an_error(void **state)
{
    struct directory *dir = *state;
    static const struct {
        const char *name, *says;
    } rows[] = {{"file", "is no directory"}, {"file/ranges", "cannot be read: "}};
    directory_write(dir, "file", "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct diag d = {0};
        struct ranges *r = ranges_load(directory_file(dir, rows[i].name), &d);
        assert_int_equal(r->n_ranges, 0);
        assert_int_equal(r->n_refused, 1);
        assert_int_equal(d.n, 1);
        assert_int_equal(d.n_errors, 1);
        assert_non_null(strstr(d.message[0].text, rows[i].says));
        assert_non_null(strstr(d.message[0].text, "ranges.directory"));
        ranges_free(r);
        diag_clear(&d);
    }
}

static void an_empty_directory_is_an_empty_set_and_a_warning(void **state)
{
    struct directory *dir = *state;
    struct diag d = {0};
    struct ranges *r = ranges_load(dir->path, &d);
    assert_int_equal(r->n_ranges, 0);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.n_errors, 0);
    ranges_free(r);
    diag_clear(&d);
}

static void of_two_answers_a_region_wins_then_the_operator_then_the_first_file(void **state)
{
    struct directory *dir = *state;
    struct diag d = {0};
    directory_write(dir, "a.json",
                    "{\"prefixes\":[{\"ipv4Prefix\":\"10.0.0.0/24\",\"scope\":\"global\"},"
                    "{\"ipv4Prefix\":\"10.0.1.0/24\",\"scope\":\"first\"},"
                    "{\"ipv4Prefix\":\"10.0.2.0/24\",\"scope\":\"first\"},"
                    "{\"ipv4Prefix\":\"10.0.3.0/24\",\"scope\":\"first\"},"
                    "{\"ipv4Prefix\":\"10.0.3.0/24\",\"scope\":\"second\"},"
                    "{\"ipv4Prefix\":\"10.0.4.0/24\",\"scope\":\"global\"}]}");
    directory_write(dir, "b.json",
                    "{\"prefixes\":[{\"ipv4Prefix\":\"10.0.0.0/24\",\"scope\":\"second\"},"
                    "{\"ipv4Prefix\":\"10.0.1.0/24\",\"scope\":\"second\"},"
                    "{\"ipv4Prefix\":\"10.0.2.0/24\",\"scope\":\"first\"}]}");
    directory_write(dir, "c.txt", "10.0.1.0/24 lab here\n10.0.3.0/24 lab\n10.0.4.0/24 lab\n");
    struct ranges *r = ranges_load(dir->path, &d);
    assert_int_equal(r->n_ranges, 5);
    assert_place(r, 0, "gcp", "second"); /* a region over none */
    assert_place(r, 1, "lab", "here");   /* the operator's over a provider's */
    assert_place(r, 2, "gcp", "first");  /* the same twice */
    assert_place(r, 3, "gcp", "first");  /* a region over the operator's none; the first of two */
    assert_place(r, 4, "lab", "");       /* the operator's over a provider's, both without region */
    const struct ranges_file *a = file_of(r, "a.json"), *b = file_of(r, "b.json");
    const struct ranges_file *c = file_of(r, "c.txt");
    assert_int_equal(a->prefixes, 2);
    assert_int_equal(a->conflicts, 4);
    assert_int_equal(a->duplicates, 0);
    assert_int_equal(b->prefixes, 1);
    assert_int_equal(b->conflicts, 1);
    assert_int_equal(b->duplicates, 1);
    assert_int_equal(c->prefixes, 2);
    assert_int_equal(c->conflicts, 1);
    ranges_free(r);
    diag_clear(&d);
}

static void what_is_held_in_memory_counts_in_its_files_place(void **state)
{
    struct directory *dir = *state;
    struct diag d = {0};
    const char *text = GCP("192.0.2.0/24", "new");
    directory_write(dir, "gcp.json", GCP("192.0.2.0/24", "old"));
    directory_write(dir, "other.json", GCP("198.51.100.0/24", "other"));
    struct ranges *held = ranges_parse("gcp.json", text, strlen(text), &d);
    const struct ranges_held list = {"gcp.json", held};
    struct ranges *r = ranges_load_with(dir->path, &list, 1, &d);
    assert_int_equal(d.n, 0);
    assert_int_equal(r->n_files, 2);
    assert_int_equal(r->n_ranges, 2);
    assert_place(r, 0, "gcp", "new");
    assert_place(r, 1, "gcp", "other");
    assert_int_equal(file_of(r, "gcp.json")->prefixes, 1);
    ranges_free(r);
    ranges_free(held);
}

static void more_places_than_the_table_holds_are_refused_and_taken_back(void **state)
{
    struct directory *dir = *state;
    struct diag d = {0};
    directory_write(dir, "a.txt", "192.0.2.0/24 first\n");
    FILE *f = fopen(directory_file(dir, "b.txt"), "w");
    for (unsigned i = 0; i < SET_PLACES_MAX; i++) /* and that of the first file */
        fprintf(f, "10.%u.%u.0/24 many r%u\n", i / 256, i % 256, i);
    assert_int_equal(fclose(f), 0);
    directory_write(dir, "c.txt", "198.51.100.0/24 last\n203.0.113.0/24 first\n");
    struct ranges *r = ranges_load(dir->path, &d);
    assert_int_equal(r->n_refused, 1);
    assert_int_equal(r->n_files, 2);
    assert_int_equal(r->n_ranges, 3);
    assert_int_equal(r->n_places, 2);
    assert_non_null(strstr(d.message[0].text, "too many clouds and regions"));
    ranges_free(r);
    diag_clear(&d);
}

static void the_published_files_load_sorted_and_each_prefix_once(void **state)
{
    (void)state;
    const char *published = getenv("ARCHEIO_TEST_RANGES");
    if (published == NULL) {
        print_message("ARCHEIO_TEST_RANGES is not set: skipped\n");
        skip();
    }
    struct diag d = {0};
    struct ranges *r = ranges_load(published, &d);
    size_t sum = 0;
    assert_int_equal(d.n, 0);
    assert_int_equal(r->n_files, 3);
    assert_true(r->n_ranges > 20000);
    for (size_t i = 0; i < r->n_files; i++)
        sum += r->file[i].prefixes;
    assert_int_equal(sum, r->n_ranges);
    for (size_t i = 1; i < r->n_ranges; i++)
        assert_true(prefix_compare(&r->range[i - 1].prefix, &r->range[i].prefix) < 0);
    ranges_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bad_file_is_refused_and_the_others_load, make, unmake),
        cmocka_unit_test(a_missing_directory_is_an_empty_set_and_a_warning),
        cmocka_unit_test_setup_teardown(what_is_no_directory_is_an_empty_set_and_an_error, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(an_empty_directory_is_an_empty_set_and_a_warning, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(
            of_two_answers_a_region_wins_then_the_operator_then_the_first_file, make, unmake),
        cmocka_unit_test_setup_teardown(what_is_held_in_memory_counts_in_its_files_place, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(more_places_than_the_table_holds_are_refused_and_taken_back,
                                        make, unmake),
        cmocka_unit_test(the_published_files_load_sorted_and_each_prefix_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
