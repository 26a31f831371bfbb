#include "mirror/directory.h"

#include "check.h"
#include "putting.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "containers/images/sha256:ab"

static char root[64], file[512];
static struct store *store;
static char big[1000000];

static int setup(void **state)
{
    char url[128], error[256];
    (void)state;
    strcpy(root, "/tmp/geranos-directory-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 999);
    snprintf(url, sizeof(url), "file://%s", root);
    store = store_open(url, error);
    return store != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    store_close(store);
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *path(const char *name)
{
    snprintf(file, sizeof(file), "%s/%s", root, name);
    return file;
}

/* exchange_turn() needs a client, and a directory none. */
static struct store_outcome put(const char *key, const char *data, size_t len, size_t breaks_at)
{
    struct store_object object = {.key = str_from(key), .size = (int64_t)len};
    struct putting source = {.data = data, .len = len, .breaks_at = breaks_at};
    struct store_outcome out;
    struct store_put *p = store_put_begin(store, NULL, &object, putting_read, &source);
    while (!store_put_turn(p, &out))
        store_put_resume(p);
    store_put_end(p);
    return out;
}

static void check_content(const char *key, const char *data, size_t len)
{
    struct store_content content;
    struct store_outcome out;
    store_get(store, NULL, &(struct store_get){str_from(key), NULL, 2000000}, &content, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_equal(content.len, len);
    assert_memory_equal(content.data, data, len);
    free(content.data);
}

static unsigned n_temporaries(void)
{
    unsigned n = 0;
    char command[256], line[16];
    snprintf(command, sizeof(command), "ls %s/.geranos 2>/dev/null | wc -l", root);
    FILE *f = popen(command, "r");
    if (fgets(line, sizeof(line), f) != NULL)
        n = (unsigned)atoi(line);
    pclose(f);
    return n;
}

static void what_is_put_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(put(KEY, big, sizeof(big), 0).result, STORE_OK);
    check_content(KEY, big, sizeof(big));
    assert_int_equal(put("empty", "", 0, 0).result, STORE_OK);
    check_content("empty", "", 0);
    assert_int_equal(put("one", "x", 1, 0).result, STORE_OK);
    check_content("one", "x", 1);
    assert_int_equal(access(path(KEY), R_OK), 0);
    assert_int_equal(n_temporaries(), 0);
}

static void what_is_there_is_never_replaced(void **state)
{
    (void)state;
    put(KEY, "first", 5, 0);
    assert_int_equal(put(KEY, "other", 5, 0).result, STORE_THERE);
    check_content(KEY, "first", 5);
}

static void what_is_to_be_replaced_stays_until_all_of_the_new_is_there(void **state)
{
    struct store_object object = {.key = STR(KEY), .size = 5, .replace = true};
    struct putting source = {.data = "other", .len = 5};
    struct putting broken = {.data = "other", .len = 5, .breaks_at = 2};
    struct store_outcome out;
    (void)state;
    put(KEY, "first", 5, 0);
    struct store_put *p = store_put_begin(store, NULL, &object, putting_read, &broken);
    while (!store_put_turn(p, &out))
        check_content(KEY, "first", 5);
    store_put_end(p);
    check_content(KEY, "first", 5);
    p = store_put_begin(store, NULL, &object, putting_read, &source);
    while (!store_put_turn(p, &out))
        check_content(KEY, "first", 5);
    store_put_end(p);
    assert_int_equal(out.result, STORE_OK);
    check_content(KEY, "other", 5);
    assert_int_equal(n_temporaries(), 0);
}

/* Both have begun before either is there. */
static void of_two_writers_one_is_told_that_it_is_there(void **state)
{
    struct store_object object = {.key = STR(KEY), .size = 5};
    struct putting sources[2] = {{.data = "first", .len = 5}, {.data = "other", .len = 5}};
    struct store_put *puts[2];
    struct store_outcome out[2] = {{.result = STORE_FAILED}, {.result = STORE_FAILED}};
    bool done[2] = {false, false};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        puts[i] = store_put_begin(store, NULL, &object, putting_read, &sources[i]);
    assert_false(store_put_turn(puts[0], &out[0]));
    assert_false(store_put_turn(puts[1], &out[1]));
    assert_int_equal(n_temporaries(), 2);
    while (!done[0] || !done[1])
        for (size_t i = 0; i < 2; i++)
            done[i] = done[i] || store_put_turn(puts[i], &out[i]);
    store_put_end(puts[0]);
    store_put_end(puts[1]);
    assert_int_equal(out[0].result + out[1].result, STORE_OK + STORE_THERE);
    check_content(KEY, out[0].result == STORE_OK ? "first" : "other", 5);
    assert_int_equal(n_temporaries(), 0);
}

static void a_broken_put_leaves_nothing(void **state)
{
    struct store_content content;
    struct store_outcome out = put(KEY, big, sizeof(big), 300000);
    (void)state;
    assert_int_equal(out.result, STORE_RETRY);
    assert_non_null(strstr(out.error, "broken off"));
    store_get(store, NULL, &(struct store_get){STR(KEY), NULL, 100}, &content, &out);
    assert_int_equal(out.result, STORE_MISSING);
    assert_int_equal(n_temporaries(), 0);
}

static void a_put_that_has_not_ended_is_not_visible(void **state)
{
    struct store_object object = {.key = STR(KEY), .size = 5};
    struct putting source = {.data = "first", .len = 5};
    struct store_outcome out;
    (void)state;
    struct store_put *p = store_put_begin(store, NULL, &object, putting_read, &source);
    assert_false(store_put_turn(p, &out));
    assert_int_not_equal(access(path(KEY), F_OK), 0);
    store_put_end(p);
    assert_int_equal(n_temporaries(), 0);
}

static void small_objects_are_set_once_or_replaced(void **state)
{
    struct store_outcome out;
    (void)state;
    store_set(store, NULL, &(struct store_set){STR("geranos/index"), STR("one"), false}, &out);
    assert_int_equal(out.result, STORE_OK);
    store_set(store, NULL, &(struct store_set){STR("geranos/index"), STR("two"), false}, &out);
    assert_int_equal(out.result, STORE_THERE);
    check_content("geranos/index", "one", 3);
    store_set(store, NULL, &(struct store_set){STR("geranos/index"), STR("three"), true}, &out);
    assert_int_equal(out.result, STORE_OK);
    check_content("geranos/index", "three", 5);
}

static void an_etag_changes_with_the_content(void **state)
{
    struct store_content content, again;
    struct store_outcome out;
    (void)state;
    store_set(store, NULL, &(struct store_set){STR("x"), STR("one"), true}, &out);
    store_get(store, NULL, &(struct store_get){STR("x"), NULL, 100}, &content, &out);
    store_get(store, NULL, &(struct store_get){STR("x"), content.etag, 100}, &again, &out);
    assert_int_equal(out.result, STORE_THERE);
    assert_null(again.data);
    store_set(store, NULL, &(struct store_set){STR("x"), STR("two"), true}, &out);
    store_get(store, NULL, &(struct store_get){STR("x"), content.etag, 100}, &again, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_string_equal(again.data, "two");
    free(content.data);
    free(again.data);
}

static void what_is_too_large_is_not_read(void **state)
{
    struct store_content content;
    struct store_outcome out;
    (void)state;
    store_set(store, NULL, &(struct store_set){STR("x"), STR("12345"), true}, &out);
    store_get(store, NULL, &(struct store_get){STR("x"), NULL, 4}, &content, &out);
    assert_int_equal(out.result, STORE_FAILED);
    assert_null(content.data);
}

static enum exchange_flow count(void *owner, const char *data, size_t len)
{
    size_t *n = owner;
    (void)data;
    *n += len;
    return EXCHANGE_GO;
}

static void any_object_is_read_piece_by_piece(void **state)
{
    size_t n = 0;
    struct store_outcome out;
    (void)state;
    put(KEY, big, sizeof(big), 0);
    store_read(store, NULL, &(struct store_read){STR(KEY), count, &n}, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_equal(n, sizeof(big));
    store_read(store, NULL, &(struct store_read){STR("none"), count, &n}, &out);
    assert_int_equal(out.result, STORE_MISSING);
}

/* ── Listing ── */

struct listed {
    unsigned n;
    int64_t bytes;
    unsigned most; /* 0: all */
    char last[256];
};

static bool note(void *owner, struct str key, int64_t size)
{
    struct listed *l = owner;
    l->n++;
    l->bytes += size;
    snprintf(l->last, sizeof(l->last), "%.*s", (int)key.len, key.data);
    return l->most == 0 || l->n < l->most;
}

static struct listed list(const char *prefix, unsigned most)
{
    struct listed l = {.most = most};
    struct store_outcome out;
    store_list(store, NULL,
               &(struct store_list){.prefix = str_from(prefix), .each = note, .owner = &l}, &out);
    assert_int_equal(out.result, STORE_OK);
    return l;
}

static void objects_are_listed_by_any_prefix(void **state)
{
    struct store_outcome out;
    (void)state;
    store_set(store, NULL, &(struct store_set){STR("a/b/sha256:aa1"), STR("1"), false}, &out);
    store_set(store, NULL, &(struct store_set){STR("a/b/sha256:aa2"), STR("22"), false}, &out);
    store_set(store, NULL, &(struct store_set){STR("a/b/sha256:bb"), STR("333"), false}, &out);
    store_set(store, NULL, &(struct store_set){STR("a/bc"), STR("4444"), false}, &out);
    store_set(store, NULL, &(struct store_set){STR("d"), STR("55555"), false}, &out);
    assert_int_equal(list("", 0).n, 5);
    assert_int_equal(list("", 0).bytes, 15);
    assert_int_equal(list("a/b", 0).n, 4);
    assert_int_equal(list("a/b/", 0).n, 3);
    assert_int_equal(list("a/b/sha256:aa", 0).n, 2);
    assert_int_equal(list("a/b/sha256:aa2", 0).n, 1);
    assert_string_equal(list("a/b/sha256:bb", 0).last, "a/b/sha256:bb");
    assert_int_equal(list("a/b/none", 0).n, 0);
    assert_int_equal(list("none/x", 0).n, 0);
    assert_int_equal(list("", 2).n, 2);
}

static void what_is_being_written_is_not_listed(void **state)
{
    struct store_object object = {.key = STR(KEY), .size = 5};
    struct putting source = {.data = "first", .len = 5};
    struct store_outcome out;
    (void)state;
    struct store_put *p = store_put_begin(store, NULL, &object, putting_read, &source);
    store_put_turn(p, &out);
    assert_int_equal(n_temporaries(), 1);
    assert_int_equal(list("", 0).n, 0);
    store_put_end(p);
}

static void thousands_of_objects_are_listed(void **state)
{
    char key[64];
    (void)state;
    mkdir(path("many"), 0777);
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "many/sha256:%04d", i);
        close(open(path(key), O_CREAT | O_WRONLY, 0666));
    }
    assert_int_equal(list("many/", 0).n, 3000);
    assert_int_equal(list("many/sha256:00", 0).n, 100);
}

/* ── Trouble ── */

static void keys_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const keys[] = {"",   "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/",
                                       "..", ".",           "a/..", "a\nb",   "a\x7f", "./a"};
    struct store_outcome out;
    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        store_set(store, NULL, &(struct store_set){str_from(keys[i]), STR("x"), true}, &out);
        assert_int_equal(out.result, STORE_FAILED);
        assert_non_null(strstr(out.error, "is no key"));
        out = put(keys[i], "x", 1, 0);
        assert_int_equal(out.result, STORE_FAILED);
    }
    store_list(
        store, NULL,
        &(struct store_list){.prefix = STR("../"), .each = note, .owner = &(struct listed){0}},
        &out);
    assert_int_equal(out.result, STORE_FAILED);
    assert_int_equal(list("", 0).n, 0);
}

static void a_file_in_the_way_is_said(void **state)
{
    struct store_outcome out;
    (void)state;
    store_set(store, NULL, &(struct store_set){STR("a"), STR("x"), false}, &out);
    store_set(store, NULL, &(struct store_set){STR("a/b"), STR("x"), false}, &out);
    assert_int_equal(out.result, STORE_FAILED);
    assert_non_null(strstr(out.error, "a file stands where a directory is needed"));
    assert_int_equal(n_temporaries(), 0);
}

/* A small file system that nobody else sees; false: this user may have none. */
static bool mount_small(const char *at)
{
    char map[32];
    snprintf(map, sizeof(map), "0 %u 1", getuid());
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        bool mapped = write(fd, map, strlen(map)) > 0;
        close(fd);
        if (!mapped)
            return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", at, "tmpfs", 0, "size=64k") == 0;
}

/* In a process of its own: 0 is right, 1 wrong, 2: there is no small file system to be had. */
static int fill_small(void)
{
    char url[128], error[256];
    if (!mount_small(root))
        return 2;
    snprintf(url, sizeof(url), "file://%s", root);
    store = store_open(url, error);
    struct store_outcome out = put(KEY, big, sizeof(big), 0);
    bool right = out.result == STORE_FAILED && strstr(out.error, "the disk is full") != NULL &&
                 strstr(out.error, url) != NULL && n_temporaries() == 0 &&
                 access(path(KEY), F_OK) != 0;
    return right && put(KEY, "small", 5, 0).result == STORE_OK ? 0 : 1;
}

static void a_full_disk_is_said_and_leaves_nothing(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(fill_small());
    waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 2)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void urls_that_name_no_directory_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"file://relative/x", "names no directory: expected file:///DIRECTORY"},
        {"file:///tmp?x=y", "without parameters"},
        {"file:///nowhere/at/all", "there is no such directory: create it"},
        {"file:///etc/passwd", "this is no directory"},
        {"file:///tmp/%zz", "names no directory"},
        {"gs://bucket", "expected s3://BUCKET"},
        {"/srv/blobs", "is no store: expected"},
    };
    char error[256];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(store_open(rows[i][0], error));
        if (strstr(error, rows[i][1]) == NULL)
            fail_msg("%s: \"%s\", expected \"%s\"", rows[i][0], error, rows[i][1]);
    }
}

/* ── Swapping and removing ── */

static enum store_result swap(const char *etag, const char *text)
{
    struct store_outcome out;
    const struct store_swap what = {
        .key = STR("a/current"), .content = str_from(text), .etag = etag};
    store_swap(store, NULL, &what, &out);
    return out.result;
}

static void what_is_swapped_is_what_was_read(void **state)
{
    struct store_content content;
    struct store_outcome out;
    (void)state;
    assert_int_equal(swap("1-2-3", "none"), STORE_THERE);
    assert_int_equal(swap("", "one"), STORE_OK);
    assert_int_equal(swap("", "two"), STORE_THERE);
    check_content("a/current", "one", 3);
    store_get(store, NULL, &(struct store_get){STR("a/current"), NULL, 100}, &content, &out);
    assert_int_equal(swap(content.etag, "three"), STORE_OK);
    assert_int_equal(swap(content.etag, "four"), STORE_THERE);
    check_content("a/current", "three", 5);
    free(content.data);
}

/* Each adds to what it has read: nothing is lost. */
static void of_many_who_swap_none_undoes_another(void **state)
{
    struct store_outcome out;
    struct store_content content;
    int status;
    (void)state;
    for (int child = 0; child < 4; child++)
        if (fork() == 0) {
            for (int i = 0; i < 25;) {
                char text[16];
                store_get(store, NULL, &(struct store_get){STR("a/current"), NULL, 100}, &content,
                          &out);
                snprintf(text, sizeof(text), "%d",
                         (content.data != NULL ? atoi(content.data) : 0) + 1);
                i += swap(content.etag, text) == STORE_OK;
                free(content.data);
            }
            _exit(0);
        }
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
    check_content("a/current", "100", 3);
}

static void what_is_removed_is_gone(void **state)
{
    struct store_outcome out;
    (void)state;
    store_set(store, NULL, &(struct store_set){STR("a/x"), STR("one"), false}, &out);
    store_remove(store, NULL, STR("a/x"), &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_not_equal(access(path("a/x"), F_OK), 0);
    store_remove(store, NULL, STR("a/x"), &out);
    assert_int_equal(out.result, STORE_MISSING);
}

/* ── What was left ── */

static void what_a_killed_run_left_is_removed_and_nothing_else(void **state)
{
    struct store_object object = {.key = STR(KEY), .size = 5};
    struct putting source = {.data = "first", .len = 5};
    struct store_outcome out;
    (void)state;
    struct store_put *p = store_put_begin(store, NULL, &object, putting_read, &source);
    store_put_turn(p, &out);
    close(open(path(".geranos/tmp-left"), O_CREAT | O_WRONLY, 0666));
    close(open(path(".geranos/other"), O_CREAT | O_WRONLY, 0666));
    assert_int_equal(n_temporaries(), 3);
    store_tidy(store, NULL, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_equal(n_temporaries(), 2);
    assert_int_equal(access(path(".geranos/other"), F_OK), 0);
    while (!store_put_turn(p, &out))
        ;
    store_put_end(p);
    assert_int_equal(out.result, STORE_OK);
    check_content(KEY, "first", 5);
}

static void an_untouched_directory_is_tidy(void **state)
{
    struct store_outcome out;
    (void)state;
    store_tidy(store, NULL, &out);
    assert_int_equal(out.result, STORE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_can_be_read),
        TEST(what_is_there_is_never_replaced),
        TEST(what_is_to_be_replaced_stays_until_all_of_the_new_is_there),
        TEST(of_two_writers_one_is_told_that_it_is_there),
        TEST(a_broken_put_leaves_nothing),
        TEST(a_put_that_has_not_ended_is_not_visible),
        TEST(small_objects_are_set_once_or_replaced),
        TEST(an_etag_changes_with_the_content),
        TEST(what_is_too_large_is_not_read),
        TEST(any_object_is_read_piece_by_piece),
        TEST(objects_are_listed_by_any_prefix),
        TEST(what_is_being_written_is_not_listed),
        TEST(thousands_of_objects_are_listed),
        TEST(keys_that_lead_elsewhere_are_refused),
        TEST(a_file_in_the_way_is_said),
        TEST(a_full_disk_is_said_and_leaves_nothing),
        TEST(urls_that_name_no_directory_are_refused),
        TEST(what_is_swapped_is_what_was_read),
        TEST(of_many_who_swap_none_undoes_another),
        TEST(what_is_removed_is_gone),
        TEST(what_a_killed_run_left_is_removed_and_nothing_else),
        TEST(an_untouched_directory_is_tidy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
