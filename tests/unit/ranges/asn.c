#include "ranges/asn.h"

#include "directory.h"
#include "mmdb.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct directory dir;

static int make(void **state)
{
    (void)state;
    directory_make(&dir);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    directory_remove(&dir);
    return 0;
}

static void write_mmdb(const char *name, const char *prefix, uint32_t asn)
{
    struct mmdb *m = mmdb_new(6, 24);
    mmdb_set(m, prefix, mmdb_record(m, asn, "One"));
    struct mmdb_bytes b = mmdb_file(m);
    FILE *f = fopen(directory_file(&dir, name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
    assert_int_equal(fclose(f), 0);
    free(b.data);
    mmdb_free(m);
}

static const uint32_t numbers[] = {1, 2, 3, 4, 5};
static const struct asn_named named = {numbers, 5};

static void assert_entry(const struct asn_table *t, size_t i, const char *prefix, uint32_t asn)
{
    char text[PREFIX_TEXT_MAX];
    prefix_format(&t->entry[i].prefix, text);
    assert_string_equal(text, prefix);
    assert_int_equal(t->entry[i].asn, asn);
}

static void files_are_read_the_operators_own_first_and_then_by_name(void **state)
{
    (void)state;
    struct diag d = {0};
    struct asn_table t;
    directory_write(&dir, "asn-b.csv", "10.0.0.0,10.255.255.255,1\n");
    directory_write(&dir, "asn-a.csv", "10.0.0.0,10.255.255.255,2\n");
    directory_write(&dir, "z.asn", "10.0.0.0/8 3\n");
    directory_write(&dir, "y.asn", "10.0.0.0/8 4\n");
    write_mmdb("GeoLite2-ASN.mmdb", "10.0.0.0/8", 5);
    asn_load(dir.path, &named, &t, &d);
    assert_int_equal(d.n, 0);
    assert_int_equal(t.n, 5);
    assert_entry(&t, 0, "10.0.0.0/8", 4);
    assert_entry(&t, 1, "10.0.0.0/8", 3);
    assert_entry(&t, 2, "10.0.0.0/8", 5);
    assert_entry(&t, 3, "10.0.0.0/8", 2);
    assert_entry(&t, 4, "10.0.0.0/8", 1);
    asn_release(&t);
    assert_null(t.entry);
}

static void files_with_other_names_are_left_alone(void **state)
{
    (void)state;
    static const char *const names[] = {".asn",         ".hidden.asn",      "as.csv",  "ranges.csv",
                                        "asn.csv.part", "asn-ipv4-num.csv", "asn.txt", "x.mmdb.gz",
                                        "README.md",    "aws.json"};
    struct asn_files files;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        directory_write(&dir, names[i], "nonsense");
    asn_files(dir.path, &files);
    assert_int_equal(files.n, 0);
    asn_files_release(&files);
    unlink(directory_file(&dir, ".hidden.asn")); /* which directory_remove() leaves */
    unlink(directory_file(&dir, ".asn"));
}

static void a_file_that_is_refused_adds_nothing_and_the_others_load(void **state)
{
    (void)state;
    struct diag d = {0};
    struct asn_table t;
    directory_write(&dir, "asn1.csv", "10.0.0.0,10.255.255.255,1\n11.0.0.0,11.0.0.255,x\n");
    directory_write(&dir, "asn2.csv", "11.0.0.0,11.255.255.255,2\n");
    directory_write(&dir, "a.asn", "12.0.0.0/8 3\n12.0.0.0/8\n");
    directory_write(&dir, "broken.mmdb", "nonsense");
    assert_int_equal(mkdir(directory_file(&dir, "directory.mmdb"), 0700), 0);
    write_mmdb("good.mmdb", "2001:db8::/32", 4);
    asn_load(dir.path, &named, &t, &d);
    assert_int_equal(t.n, 2);
    assert_entry(&t, 0, "11.0.0.0/8", 2);
    assert_entry(&t, 1, "2001:db8::/32", 4);
    assert_int_equal(d.n_errors, 4);
    assert_string_equal(d.message[0].file, directory_file(&dir, "a.asn"));
    assert_int_equal(d.message[0].line, 2);
    assert_string_equal(d.message[1].file, directory_file(&dir, "asn1.csv"));
    assert_int_equal(d.message[1].line, 2);
    assert_int_equal(d.message[1].column, 21);
    assert_string_equal(d.message[2].file, directory_file(&dir, "broken.mmdb"));
    diag_clear(&d);
    asn_release(&t);
}

static void a_directory_without_such_files_is_a_warning(void **state)
{
    (void)state;
    const char *const directories[] = {dir.path, "/nonexistent/ranges"};
    for (int i = 0; i < 2; i++) {
        struct diag d = {0};
        struct asn_table t;
        asn_load(directories[i], &named, &t, &d);
        assert_int_equal(t.n, 0);
        assert_int_equal(d.n, 1);
        assert_int_equal(d.n_errors, 0);
        assert_string_equal(d.message[0].file, directories[i]);
        assert_non_null(strstr(d.message[0].text, "*.mmdb, *.asn or asn*.csv"));
        diag_clear(&d);
        asn_release(&t);
    }
}

static void a_file_that_is_too_large_is_refused_unread(void **state)
{
    (void)state;
    struct diag d = {0};
    struct asn_table t;
    directory_write(&dir, "x.asn", "10.0.0.0/8 1\n");
    assert_int_equal(truncate(directory_file(&dir, "x.asn"), (off_t)RANGES_FILE_MAX + 1), 0);
    asn_load(dir.path, &named, &t, &d);
    assert_int_equal(t.n, 0);
    assert_int_equal(d.n_errors, 1);
    assert_non_null(strstr(d.message[0].text, "larger than 64 MiB"));
    diag_clear(&d);
    asn_release(&t);
}

static void nobody_is_never_named(void **state)
{
    (void)state;
    const struct asn_named none = {NULL, 0};
    assert_true(asn_is_named(NULL, 7));
    assert_false(asn_is_named(NULL, 0));
    assert_false(asn_is_named(&none, 7));
    assert_true(asn_is_named(&named, 5));
    assert_false(asn_is_named(&named, 6));
    assert_false(asn_is_named(&(struct asn_named){(const uint32_t[]){0}, 1}, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_read_the_operators_own_first_and_then_by_name,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(files_with_other_names_are_left_alone, make, unmake),
        cmocka_unit_test_setup_teardown(a_file_that_is_refused_adds_nothing_and_the_others_load,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(a_directory_without_such_files_is_a_warning, make, unmake),
        cmocka_unit_test_setup_teardown(a_file_that_is_too_large_is_refused_unread, make, unmake),
        cmocka_unit_test(nobody_is_never_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
