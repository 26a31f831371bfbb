/*
 * The cache in shared data: exact, bounded, and changed by several threads at once.
 */
#include "site.h"

#include "slots.h"

#define NOW (1000 * HOST_S)

static struct str key(unsigned number)
{
    static char text[8][128];
    static unsigned next;
    char *to = text[next++ % 8];
    return str_make(to, (size_t)snprintf(to, 128, SITE_EU "%s", site_digest(number)));
}

static struct slots open_slots(uint32_t n)
{
    host_reset();
    return slots_open(n);
}

static enum slots_state find(const struct slots *s, unsigned number, int64_t now)
{
    int64_t expiry;
    host_enter(HOST_ROOT);
    memory_reset();
    return slots_find(s, key(number), now, &expiry);
}

static void put(const struct slots *s, unsigned number, enum slots_state state, int64_t expiry)
{
    host_enter(HOST_ROOT);
    memory_reset();
    slots_put(s, key(number), state, expiry, NOW);
}

static void test_what_was_put_is_found_until_it_expires(void **state)
{
    (void)state;
    const struct slots s = open_slots(64);
    assert_int_equal(find(&s, 1, NOW), SLOTS_MISS);
    put(&s, 1, SLOTS_PRESENT, NOW + 10);
    put(&s, 2, SLOTS_ABSENT, NOW + 20);
    put(&s, 3, SLOTS_ERROR, NOW + 30);
    assert_int_equal(find(&s, 1, NOW + 9), SLOTS_PRESENT);
    assert_int_equal(find(&s, 1, NOW + 10), SLOTS_MISS);
    assert_int_equal(find(&s, 2, NOW + 19), SLOTS_ABSENT);
    assert_int_equal(find(&s, 2, NOW + 20), SLOTS_MISS);
    assert_int_equal(find(&s, 3, NOW + 29), SLOTS_ERROR);
    assert_int_equal(find(&s, 4, NOW), SLOTS_MISS);
}

static void test_the_newer_answer_counts_but_no_error_displaces_what_is_known(void **state)
{
    (void)state;
    const struct slots s = open_slots(64);
    put(&s, 1, SLOTS_PRESENT, NOW + 10);
    put(&s, 1, SLOTS_ERROR, NOW + 10);
    assert_int_equal(find(&s, 1, NOW), SLOTS_PRESENT);
    put(&s, 1, SLOTS_ABSENT, NOW + 10);
    assert_int_equal(find(&s, 1, NOW), SLOTS_ABSENT);
    put(&s, 1, SLOTS_ERROR, NOW + 10);
    assert_int_equal(find(&s, 1, NOW), SLOTS_ABSENT);
    put(&s, 1, SLOTS_PRESENT, NOW + 10);
    assert_int_equal(find(&s, 1, NOW), SLOTS_PRESENT);
}

static void test_keys_and_bytes_are_bounded(void **state)
{
    (void)state;
    const struct slots s = open_slots(16);
    for (unsigned i = 0; i < 5000; i++)
        put(&s, i, i % 2 == 0 ? SLOTS_PRESENT : SLOTS_ABSENT, NOW + 1000);
    assert_true(host.n_shared <= 16 + 1); /* and the hash's key */
    for (uint32_t i = 0; i < host.n_shared; i++)
        assert_true(host.shared[i].size <= SLOTS_SIZE);
    assert_int_equal(find(&s, 4998, NOW), SLOTS_PRESENT);
    assert_int_equal(find(&s, 4999, NOW), SLOTS_ABSENT);
}

static void test_what_is_absent_evicts_nothing_that_is_present(void **state)
{
    (void)state;
    const struct slots s = open_slots(4);
    for (unsigned i = 0; i < 6; i++)
        put(&s, i, SLOTS_PRESENT, NOW + 1000);
    for (unsigned i = 1000; i < 3000; i++)
        put(&s, i, i % 2 == 0 ? SLOTS_ABSENT : SLOTS_ERROR, NOW + 1000);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(find(&s, i, NOW), SLOTS_PRESENT);
}

/* Keys of one slot, told apart by nothing but their last digit. */
static void test_keys_of_one_slot_are_never_mistaken_for_each_other(void **state)
{
    (void)state;
    const struct slots s = open_slots(4);
    for (unsigned i = 0; i < 5; i++)
        put(&s, i, i % 2 == 0 ? SLOTS_PRESENT : SLOTS_ABSENT, NOW + 1000);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(find(&s, i, NOW), i % 2 == 0 ? SLOTS_PRESENT : SLOTS_ABSENT);
    assert_int_equal(find(&s, 5, NOW), SLOTS_MISS);
}

static void test_a_change_is_tried_again_where_another_thread_was_faster(void **state)
{
    (void)state;
    const struct slots s = open_slots(4);
    put(&s, 1, SLOTS_PRESENT, NOW + 1000);
    put(&s, 2, SLOTS_PRESENT, NOW + 1000);
    put(&s, 3, SLOTS_PRESENT, NOW + 1000);
    host.mismatches = 2;
    put(&s, 4, SLOTS_PRESENT, NOW + 1000);
    assert_int_equal(find(&s, 4, NOW), SLOTS_PRESENT);
    host.mismatches = 1000; /* and for ever: then the cache lacks one entry, and that is all */
    put(&s, 5, SLOTS_PRESENT, NOW + 1000);
    host.mismatches = 0;
    assert_int_equal(find(&s, 4, NOW), SLOTS_PRESENT);
}

static void test_threads_agree_about_the_hash(void **state)
{
    (void)state;
    const struct slots one = open_slots(64);
    host_enter(HOST_ROOT);
    const struct slots other = slots_open(64);
    put(&one, 1, SLOTS_PRESENT, NOW + 1000);
    assert_int_equal(find(&other, 1, NOW), SLOTS_PRESENT);
}

static void test_a_url_that_is_too_long_is_never_known(void **state)
{
    (void)state;
    static char text[SLOTS_KEY_MAX + 1];
    const struct slots s = open_slots(64);
    int64_t expiry;
    memset(text, 'a', sizeof(text));
    slots_put(&s, str_make(text, sizeof(text)), SLOTS_PRESENT, NOW + 10, NOW);
    assert_int_equal(slots_find(&s, str_make(text, sizeof(text)), NOW, &expiry), SLOTS_MISS);
    slots_put(&s, str_make(text, SLOTS_KEY_MAX), SLOTS_PRESENT, NOW + 10, NOW);
    assert_int_equal(slots_find(&s, str_make(text, SLOTS_KEY_MAX), NOW, &expiry), SLOTS_PRESENT);
}

/* Whatever somebody else may have put under our keys. */
static void test_slots_of_any_bytes_do_no_harm(void **state)
{
    (void)state;
    const struct slots s = open_slots(4);
    put(&s, 1, SLOTS_PRESENT, NOW + 1000);
    uint32_t i = host.n_shared - 1;
    for (size_t len = 0; len < host.shared[i].size; len++)
        for (unsigned byte = 0; byte < 256; byte += 51) {
            char keep = host.shared[i].data[len];
            size_t size = host.shared[i].size;
            host.shared[i].data[len] = (char)byte;
            find(&s, 1, NOW);
            host.shared[i].data[len] = keep;
            host.shared[i].size = len;
            find(&s, 1, NOW);
            host.shared[i].size = size;
        }
    assert_int_equal(find(&s, 1, NOW), SLOTS_PRESENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_put_is_found_until_it_expires),
        cmocka_unit_test(test_the_newer_answer_counts_but_no_error_displaces_what_is_known),
        cmocka_unit_test(test_keys_and_bytes_are_bounded),
        cmocka_unit_test(test_what_is_absent_evicts_nothing_that_is_present),
        cmocka_unit_test(test_keys_of_one_slot_are_never_mistaken_for_each_other),
        cmocka_unit_test(test_a_change_is_tried_again_where_another_thread_was_faster),
        cmocka_unit_test(test_threads_agree_about_the_hash),
        cmocka_unit_test(test_a_url_that_is_too_long_is_never_known),
        cmocka_unit_test(test_slots_of_any_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, site_build, site_free);
}
