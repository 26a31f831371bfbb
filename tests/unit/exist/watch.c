#include "exist/watch.h"

#include "check.h"

#include <pthread.h>

static struct digest make(uint8_t fill, uint8_t size)
{
    struct digest d = {.algorithm = size == 32 ? DIGEST_SHA256 : DIGEST_SHA512, .size = size};
    memset(d.bytes, fill, size);
    return d;
}

static void the_first_digest_of_a_second_is_kept(void **state)
{
    (void)state;
    struct watch w = {0};
    struct digest d, a = make(1, 32), b = make(2, 64);
    assert_true(watch_open(&w, 10));
    assert_int_equal(watch_second(&w, 3), 0);
    assert_false(watch_read(&w, 3, &d));
    watch_note(&w, 3, &a, 7);
    watch_note(&w, 3, &b, 7);
    assert_int_equal(watch_second(&w, 3), 7);
    assert_true(watch_read(&w, 3, &d));
    assert_memory_equal(&d, &a, sizeof(d));
    watch_note(&w, 3, &b, 8);
    assert_true(watch_read(&w, 3, &d));
    assert_memory_equal(&d, &b, sizeof(d));
    assert_int_equal(watch_second(&w, 2), 0);
    assert_true(watch_bytes(&w) >= 10 * sizeof(d));
    watch_close(&w);
    watch_close(&w);
}

static void *note_many(void *argument)
{
    for (uint32_t second = 1; second <= 100000; second++) {
        struct digest d = make((uint8_t)second, second % 2 == 0 ? 32 : 64);
        watch_note(argument, 0, &d, second);
    }
    return NULL;
}

static void what_is_read_is_whole(void **state)
{
    (void)state;
    struct watch w = {0};
    pthread_t thread;
    assert_true(watch_open(&w, 1));
    assert_int_equal(pthread_create(&thread, NULL, note_many, &w), 0);
    while (watch_second(&w, 0) < 100000) {
        struct digest d;
        if (!watch_read(&w, 0, &d))
            continue;
        struct digest want = make(d.bytes[0], d.size);
        assert_memory_equal(&d, &want, sizeof(d));
    }
    pthread_join(thread, NULL);
    watch_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_digest_of_a_second_is_kept),
        cmocka_unit_test(what_is_read_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
