/*
 * Publishing what a directory holds.
 */
#include "mirror/publish.h"

#include "mirror/retired.h"
#include "sys/clock.h"

#include "check.h"

#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOBS "containers/images/"

static char root[64], file[512];
static struct store *store;
static struct report report;
static atomic_bool stop;

static int setup(void **state)
{
    char url[128], error[256];
    (void)state;
    strcpy(root, "/tmp/geranos-publish-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    snprintf(url, sizeof(url), "file://%s", root);
    store = store_open(url, error);
    report_open(&report);
    atomic_store(&stop, false);
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
    report_close(&report);
    store_close(store);
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void set(const char *key, const char *text)
{
    struct store_outcome out;
    store_set(store, NULL, &(struct store_set){str_from(key), str_from(text), true}, &out);
    assert_int_equal(out.result, STORE_OK);
}

static struct digest digest_of(unsigned n)
{
    return (struct digest){
        .algorithm = DIGEST_SHA256, .size = 32, .bytes = {(uint8_t)n, (uint8_t)(n >> 8), 1}};
}

static const char *key_of(const char *prefix, const struct digest *d)
{
    static char key[256];
    char text[DIGEST_TEXT_MAX];
    int len = (int)digest_format(d, text);
    snprintf(key, sizeof(key), "%s%.*s", prefix, len, text);
    return key;
}

static void add(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct digest d = digest_of(i);
        set(key_of(BLOBS, &d), "x");
    }
}

static void drop(unsigned n)
{
    struct store_outcome out;
    struct digest d = digest_of(n);
    store_remove(store, NULL, str_from(key_of(BLOBS, &d)), &out);
}

static struct publish_outcome publish_and(bool check)
{
    struct publish_outcome out;
    const struct publish_options o = {.store = store,
                                      .blobs = BLOBS,
                                      .jobs = 2,
                                      .check = check,
                                      .report = &report,
                                      .stop = &stop};
    publish_run(&o, &out);
    return out;
}

static struct publish_outcome publish(void)
{
    return publish_and(false);
}

static struct blob_index_pointer pointer(void)
{
    struct store_content content;
    struct store_outcome out;
    struct blob_index_pointer p;
    store_get(store, NULL, &(struct store_get){STR(BLOB_INDEX_CURRENT), NULL, 1000}, &content,
              &out);
    assert_int_equal(out.result, STORE_OK);
    assert_null(blob_index_pointer_parse(str_make(content.data, content.len), &p));
    free(content.data);
    return p;
}

static void set_pointer(int64_t time, unsigned object)
{
    char text[BLOB_INDEX_POINTER_MAX + 1];
    struct blob_index_pointer p = {.time = time, .count = {1}, .object = digest_of(object)};
    text[blob_index_pointer_format(&p, text)] = '\0';
    set(BLOB_INDEX_CURRENT, text);
}

static void set_marker(const struct digest *d, int64_t since)
{
    char text[64];
    snprintf(text, sizeof(text), "retired %" PRId64 "\n", since);
    set(key_of(PUBLISH_RETIRED, d), text);
}

static bool is_there(const char *prefix, const struct digest *d, struct stat *st)
{
    snprintf(file, sizeof(file), "%s/%s", root, key_of(prefix, d));
    return stat(file, st) == 0;
}

static void check_there(const char *prefix, const struct digest *d, bool there)
{
    struct stat st;
    assert_int_equal(is_there(prefix, d, &st), there);
}

/* The pointer names a whole set of digests 0 to n - 1. */
static void check_published(size_t n)
{
    struct blob_index_pointer p = pointer();
    struct store_content content;
    struct store_outcome out;
    struct blob_index x;
    store_get(store, NULL,
              &(struct store_get){str_from(key_of(BLOB_INDEX_DIRECTORY, &p.object)), NULL, 1 << 20},
              &content, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_equal(p.count[0], n);
    assert_int_equal(p.count[1], 0);
    uint32_t *guide = malloc(blob_index_guide_size(content.len));
    assert_null(blob_index_open(&x, content.data, content.len, guide));
    for (unsigned i = 0; i < n; i++) {
        struct digest d = digest_of(i);
        assert_true(blob_index_has(&x, &d));
    }
    free(guide);
    free(content.data);
}

/* ── What is published ── */

static void what_is_there_is_published_and_nothing_else(void **state)
{
    (void)state;
    add(0, 500);
    set(BLOBS "README", "no digest");
    set("elsewhere/sha256:"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "x");
    int64_t before = clock_wall();
    struct publish_outcome out = publish();
    assert_int_equal(out.result, PUBLISH_NEW);
    assert_string_equal(out.warning, "");
    check_published(500);
    assert_in_range(pointer().time, before, clock_wall());
    struct blob_index_pointer p = pointer();
    /* Behind its members it is padded. */
    assert_memory_equal(&p, &out.pointer,
                        offsetof(struct blob_index_pointer, object) + sizeof(p.object));
}

static void an_empty_store_has_an_empty_index(void **state)
{
    (void)state;
    assert_int_equal(publish().result, PUBLISH_NEW);
    check_published(0);
}

static void a_set_that_did_not_change_is_not_put_again_but_its_time_is_new(void **state)
{
    struct stat before, after;
    (void)state;
    add(0, 10);
    struct publish_outcome first = publish();
    assert_true(is_there(BLOB_INDEX_DIRECTORY, &first.pointer.object, &before));
    struct publish_outcome second = publish();
    assert_int_equal(second.result, PUBLISH_SAME);
    assert_true(is_there(BLOB_INDEX_DIRECTORY, &first.pointer.object, &after));
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(pointer().time > first.pointer.time);
}

static void a_set_that_was_lost_or_cut_is_put_again(void **state)
{
    (void)state;
    add(0, 10);
    struct publish_outcome first = publish();
    set(key_of(BLOB_INDEX_DIRECTORY, &first.pointer.object), "cut");
    publish();
    check_published(10);
    struct store_outcome out;
    store_remove(store, NULL, str_from(key_of(BLOB_INDEX_DIRECTORY, &first.pointer.object)), &out);
    publish();
    check_published(10);
}

/* Of the same size, so that only its bytes tell. */
static void a_set_that_was_damaged_is_put_again_if_it_is_checked(void **state)
{
    char text[BLOB_INDEX_HEADER + 32 + 1];
    struct stat before, after;
    (void)state;
    add(0, 1);
    struct digest object = publish().pointer.object;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    set(key_of(BLOB_INDEX_DIRECTORY, &object), text);
    assert_int_equal(publish_and(true).result, PUBLISH_SAME);
    check_published(1);
    assert_true(is_there(BLOB_INDEX_DIRECTORY, &object, &before));
    publish_and(true);
    assert_true(is_there(BLOB_INDEX_DIRECTORY, &object, &after));
    assert_int_equal(before.st_ino, after.st_ino);
}

/* ── Others who publish ── */

static void an_older_listing_leaves_a_newer_pointer(void **state)
{
    (void)state;
    add(0, 10);
    int64_t time = clock_wall() + 60;
    set_pointer(time, 77);
    struct publish_outcome out = publish();
    assert_int_equal(out.result, PUBLISH_YIELDED);
    assert_int_equal(pointer().time, time);
    assert_int_equal(pointer().object.bytes[0], 77);
    assert_int_equal(report_failures(&report), 0);
}

static void a_pointer_of_this_second_is_waited_for(void **state)
{
    (void)state;
    add(0, 10);
    set_pointer(clock_wall(), 77);
    assert_int_equal(publish().result, PUBLISH_NEW);
    check_published(10);
}

static void what_a_wrong_clock_or_nobody_sane_wrote_is_replaced(void **state)
{
    (void)state;
    add(0, 10);
    set_pointer(clock_wall() + 2 * PUBLISH_AHEAD_S, 77);
    assert_int_equal(publish().result, PUBLISH_NEW);
    check_published(10);
    set(BLOB_INDEX_CURRENT, "geranos-index 1\ntime never\n");
    assert_int_equal(publish().result, PUBLISH_NEW);
    check_published(10);
}

static void *publish_beside(void *result)
{
    *(enum publish_result *)result = publish().result;
    return NULL;
}

static void watch(int fd, uint32_t what, const char *key)
{
    snprintf(file, sizeof(file), "%s/%s", root, key);
    assert_true(inotify_add_watch(fd, file, what) >= 0);
}

/* Which of two files it is to which something happens first, of what is watched. */
static const char *await(int fd, const char *one, const char *other)
{
    char events[8192] __attribute__((aligned(8)));
    for (;;) {
        ssize_t n = read(fd, events, sizeof(events));
        assert_true(n > 0);
        for (char *at = events; at < events + n;) {
            const struct inotify_event *e = (const void *)at;
            if (e->len > 0 && strcmp(e->name, one) == 0)
                return one;
            if (e->len > 0 && strcmp(e->name, other) == 0)
                return other;
            at += sizeof(*e) + e->len;
        }
    }
}

/* Its marker may be so old that somebody who has just looked at it is about to remove the set: it
 * goes before the pointer names the set, which is then looked for once more. */
static void a_set_that_others_retire_during_the_listing_is_taken_back_first(void **state)
{
    pthread_t beside;
    enum publish_result result;
    (void)state;
    add(0, 10);
    struct digest mine = publish().pointer.object;
    struct blob_index_pointer p = {.time = clock_wall() + 1, .count = {10}, .object = mine};
    char text[BLOB_INDEX_POINTER_MAX + 1];
    text[blob_index_pointer_format(&p, text)] = '\0';
    set(BLOB_INDEX_CURRENT, text);
    set_marker(&mine, 1);
    int looked = inotify_init1(IN_CLOEXEC), done = inotify_init1(IN_CLOEXEC);
    watch(looked, IN_CLOSE_NOWRITE, BLOB_INDEX_DIRECTORY);
    assert_int_equal(pthread_create(&beside, NULL, publish_beside, &result), 0);
    await(looked, "current", "current"); /* it now waits until that time is past */
    set_pointer(clock_wall(), 77);
    watch(done, IN_DELETE, PUBLISH_RETIRED);
    watch(done, IN_MOVED_TO, BLOB_INDEX_DIRECTORY);
    const char *first = await(done, key_of("", &mine), "current");
    pthread_join(beside, NULL);
    assert_string_not_equal(first, "current");
    assert_int_equal(result, PUBLISH_NEW);
    check_published(10);
    close(looked);
    close(done);
}

/* ── What is no longer named ── */

static void an_old_set_goes_when_nobody_can_need_it(void **state)
{
    (void)state;
    add(0, 10);
    struct digest first = publish().pointer.object;
    add(10, 20);
    struct digest second = publish().pointer.object;
    check_there(BLOB_INDEX_DIRECTORY, &first, true);
    check_there(PUBLISH_RETIRED, &first, true);
    check_there(PUBLISH_RETIRED, &second, false);
    set_marker(&first, clock_wall() - PUBLISH_GRACE_S + 100);
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &first, true);
    set_marker(&first, clock_wall() - PUBLISH_GRACE_S - 1);
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &first, false);
    check_there(PUBLISH_RETIRED, &first, false);
    check_published(20);
}

/* Its marker may be old: it was current until now all the same. */
static void the_set_that_was_replaced_just_now_stays(void **state)
{
    (void)state;
    add(0, 10);
    struct digest first = publish().pointer.object;
    set_marker(&first, 1);
    add(10, 20);
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &first, true);
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &first, true);
}

static void what_a_killed_writer_left_goes_too(void **state)
{
    struct digest left = digest_of(5), gone = digest_of(6);
    (void)state;
    set(key_of(BLOB_INDEX_DIRECTORY, &left), "left");
    set_marker(&gone, 1);
    set(BLOB_INDEX_DIRECTORY "README", "not ours");
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &left, true);
    check_there(PUBLISH_RETIRED, &left, true);
    check_there(PUBLISH_RETIRED, &gone, false);
    set_marker(&left, clock_wall() - PUBLISH_GRACE_S - 1);
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &left, false);
    assert_int_equal(
        access((snprintf(file, sizeof(file), "%s/geranos/index/README", root), file), F_OK), 0);
}

static void a_set_that_counts_again_is_no_longer_retired(void **state)
{
    (void)state;
    add(0, 10);
    struct digest first = publish().pointer.object;
    add(10, 11);
    publish();
    set_marker(&first, 1);
    drop(10);
    assert_int_equal(publish().result, PUBLISH_NEW);
    check_published(10);
    check_there(PUBLISH_RETIRED, &first, false);
    publish();
    check_published(10);
}

static void a_marker_that_says_nothing_is_written_anew(void **state)
{
    (void)state;
    add(0, 10);
    struct digest first = publish().pointer.object;
    add(10, 20);
    publish();
    set(key_of(PUBLISH_RETIRED, &first), "retired 1");
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &first, true);
    set_marker(&first, clock_wall() + 100000);
    publish();
    check_there(BLOB_INDEX_DIRECTORY, &first, true);
}

/* ── Trouble ── */

static void a_store_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    add(0, 10);
    snprintf(file, sizeof(file), "%s/geranos", root);
    FILE *f = fopen(file, "w");
    fclose(f);
    assert_int_equal(publish().result, PUBLISH_FAILED);
    assert_int_equal(report_failures(&report), 1);
}

static void one_that_is_stopped_publishes_nothing(void **state)
{
    (void)state;
    add(0, 10);
    atomic_store(&stop, true);
    assert_int_equal(publish().result, PUBLISH_FAILED);
    assert_int_equal(report_failures(&report), 0);
    snprintf(file, sizeof(file), "%s/" BLOB_INDEX_CURRENT, root);
    assert_int_not_equal(access(file, F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_published_and_nothing_else),
        TEST(an_empty_store_has_an_empty_index),
        TEST(a_set_that_did_not_change_is_not_put_again_but_its_time_is_new),
        TEST(a_set_that_was_lost_or_cut_is_put_again),
        TEST(a_set_that_was_damaged_is_put_again_if_it_is_checked),
        TEST(an_older_listing_leaves_a_newer_pointer),
        TEST(a_pointer_of_this_second_is_waited_for),
        TEST(what_a_wrong_clock_or_nobody_sane_wrote_is_replaced),
        TEST(a_set_that_others_retire_during_the_listing_is_taken_back_first),
        TEST(an_old_set_goes_when_nobody_can_need_it),
        TEST(the_set_that_was_replaced_just_now_stays),
        TEST(what_a_killed_writer_left_goes_too),
        TEST(a_set_that_counts_again_is_no_longer_retired),
        TEST(a_marker_that_says_nothing_is_written_anew),
        TEST(a_store_that_cannot_be_written_is_a_failure),
        TEST(one_that_is_stopped_publishes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
