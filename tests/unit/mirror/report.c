#include "mirror/report.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

struct watched {
    struct report *report;
    pthread_mutex_t lock; /* as a display has, which reads the numbers while it holds it */
    bool over;
    uint64_t failures, retries;
};

static void note(struct watched *w)
{
    pthread_mutex_lock(&w->lock);
    w->failures = report_failures(w->report);
    w->retries = report_retries(w->report);
    pthread_mutex_unlock(&w->lock);
}

static void failed(void *owner, const char *what, const char *why)
{
    assert_string_equal(what, "team/app");
    assert_string_equal(why, "gone?");
    note(owner);
}

static void retried(void *owner, const char *why)
{
    assert_string_equal(why, "later");
    note(owner);
}

static void *look(void *argument)
{
    struct watched *w = argument;
    for (bool over = false; !over;) {
        pthread_mutex_lock(&w->lock);
        report_failures(w->report);
        report_retries(w->report);
        over = w->over;
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

#define N 20000

/* Whoever is told of a failure may wait for somebody who is reading the numbers. */
static void the_numbers_can_be_read_while_somebody_is_told(void **state)
{
    struct report r;
    struct watched w = {.report = &r};
    const struct report_watcher watcher = {failed, retried, &w};
    pthread_t thread;
    (void)state;
    pthread_mutex_init(&w.lock, NULL);
    report_open(&r);
    report_watch(&r, &watcher);
    assert_int_equal(pthread_create(&thread, NULL, look, &w), 0);
    for (unsigned i = 0; i < N; i++) {
        report_failure(&r, "team/app", "gone\n");
        report_retry(&r, "later");
    }
    pthread_mutex_lock(&w.lock);
    w.over = true;
    pthread_mutex_unlock(&w.lock);
    pthread_join(thread, NULL);
    assert_int_equal(w.failures, N);
    assert_int_equal(w.retries, N);
    report_close(&r);
    pthread_mutex_destroy(&w.lock);
}

static void what_is_kept_is_written_a_line_each(void **state)
{
    struct report r;
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    (void)state;
    report_open(&r);
    report_failure(&r, "s3://bucket", "s3://bucket: it is full");
    report_failure(&r, "a\tb", "\x1b[2J");
    report_failure(&r, "c", "third");
    report_write(&r, 2, to);
    fclose(to);
    assert_string_equal(text, "s3://bucket\tit is full\na?b\t?[2J\n");
    free(text);
    report_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_can_be_read_while_somebody_is_told),
        cmocka_unit_test(what_is_kept_is_written_a_line_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
