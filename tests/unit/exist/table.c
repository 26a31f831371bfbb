#include "exist/table.h"

#include "check.h"
#include "sys/clock.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW (1000 * CLOCK_S)
#define LATER (NOW + 3600 * CLOCK_S)

static struct table table;

static struct key make(uint64_t n, uint32_t store)
{
    struct key key = {.store = store};
    key.digest.size = (uint8_t)table.digest_size;
    key.digest.algorithm = key.digest.size == 32 ? DIGEST_SHA256 : DIGEST_SHA512;
    memcpy(key.digest.bytes, &n, sizeof(n));
    key.hash = key_hash(1, store, &key.digest);
    return key;
}

static void put(uint64_t n, enum exist_state state, int64_t expiry, int64_t now)
{
    const struct key key = make(n, 0);
    table_put(&table, &key, state, expiry, now);
}

static enum exist_state find(uint64_t n, int64_t now)
{
    const struct key key = make(n, 0);
    return table_find(&table, 0, &key, now);
}

static void open_table(unsigned digest_size, uint64_t memory)
{
    assert_true(table_open(&table, digest_size, 2, memory));
}

static int close_table(void **state)
{
    (void)state;
    table_close(&table);
    return 0;
}

static void an_entry_is_found_until_it_expires(void **state)
{
    (void)state;
    for (unsigned size = 32; size <= 64; size += 32) {
        open_table(size, 1 << 20);
        assert_int_equal(find(1, NOW), EXIST_MISS);
        put(1, EXIST_PRESENT, NOW + 10, NOW);
        assert_int_equal(find(1, NOW), EXIST_PRESENT);
        assert_int_equal(find(1, NOW + 9), EXIST_PRESENT);
        assert_int_equal(find(1, NOW + 10), EXIST_MISS);
        assert_int_equal(find(2, NOW), EXIST_MISS);
        const struct key other = make(1, 1);
        assert_int_equal(table_find(&table, 0, &other, NOW), EXIST_MISS);
        table_close(&table);
    }
}

static void keys_count_to_their_last_byte_whatever_their_hash(void **state)
{
    (void)state;
    open_table(64, 1 << 20);
    struct key a = make(1, 0), b = a;
    b.digest.bytes[63] ^= 1;
    table_put(&table, &a, EXIST_PRESENT, LATER, NOW);
    assert_int_equal(table_find(&table, 0, &b, NOW), EXIST_MISS);
    table_put(&table, &b, EXIST_ABSENT, LATER, NOW);
    assert_int_equal(table_find(&table, 0, &a, NOW), EXIST_PRESENT);
    assert_int_equal(table_find(&table, 0, &b, NOW), EXIST_ABSENT);
    b = a;
    b.store = 1;
    assert_int_equal(table_find(&table, 0, &b, NOW), EXIST_MISS);
}

static void an_entry_is_replaced_in_place_and_removed(void **state)
{
    (void)state;
    open_table(32, 1 << 20);
    const struct key key = make(1, 0), other = make(2, 0);
    put(1, EXIST_ERROR, NOW + 5, NOW);
    put(1, EXIST_ABSENT, LATER, NOW);
    assert_int_equal(table.entries, 1);
    assert_int_equal(find(1, NOW + 6), EXIST_ABSENT);
    assert_int_equal(table_peek(&table, &key, NOW), EXIST_ABSENT);
    table_remove(&table, &other);
    assert_int_equal(table.entries, 1);
    table_remove(&table, &key);
    assert_int_equal(table.entries, 0);
    assert_int_equal(find(1, NOW), EXIST_MISS);
    assert_int_equal(table_peek(&table, &key, NOW), EXIST_MISS);
}

static void memory_bounds_what_it_holds(void **state)
{
    (void)state;
    open_table(32, 1 << 20);
    assert_true(table.bytes <= 1 << 20);
    assert_true(table.bytes > (1 << 20) - 8192);
    for (uint64_t i = 0; i < 100000; i++)
        put(i, EXIST_PRESENT, LATER, NOW);
    assert_true(table.entries <= (1 << 20) / 256 * 5);
    assert_true(table.entries > (1 << 20) / 256 * 4);
    assert_int_equal(table.entries + table.evictions, 100000);
}

static void a_table_without_memory_to_speak_of_works(void **state)
{
    (void)state;
    open_table(64, 0);
    put(1, EXIST_PRESENT, LATER, NOW);
    assert_int_equal(find(1, NOW), EXIST_PRESENT);
}

static void what_is_used_stays_when_there_is_no_room(void **state)
{
    (void)state;
    open_table(32, 8192);
    for (uint64_t i = 0; i < 16; i++)
        put(i, EXIST_PRESENT, LATER, NOW);
    for (uint64_t i = 1000; i < 20000; i++) {
        int64_t now = NOW + (int64_t)i * CLOCK_S / 10;
        for (uint64_t j = 0; j < 16; j++)
            find(j, now);
        put(i, EXIST_PRESENT, LATER, now);
    }
    unsigned kept = 0;
    for (uint64_t i = 0; i < 16; i++)
        kept += find(i, NOW + 2000 * CLOCK_S) == EXIST_PRESENT;
    assert_true(table.evictions > 10000);
    assert_int_equal(kept, 16);
}

static void what_has_expired_goes_first(void **state)
{
    (void)state;
    open_table(32, 4096); /* 16 buckets of 5 */
    for (uint64_t i = 0; i < 1000; i++)
        put(i, EXIST_PRESENT, NOW + 1, NOW);
    uint64_t evictions = table.evictions, entries = table.entries;
    put(5000, EXIST_PRESENT, LATER, NOW + 2);
    assert_int_equal(table.evictions, evictions);
    assert_int_equal(table.entries, entries);
    assert_int_equal(find(5000, NOW + 2), EXIST_PRESENT);
}

struct seen {
    unsigned n, used;
    int64_t latest;
    uint64_t sum;
};

static void see(void *context, const struct table_entry *entry)
{
    struct seen *seen = context;
    uint64_t n;
    memcpy(&n, entry->key.digest.bytes, sizeof(n));
    const struct key want = make(n, entry->key.store);
    assert_true(key_eq(&entry->key, &want));
    seen->n++;
    seen->sum += n;
    seen->used += entry->used;
    seen->latest = entry->expiry > seen->latest ? entry->expiry : seen->latest;
}

static struct seen sweep(int64_t now, int64_t latest)
{
    struct seen seen = {0};
    const struct table_sweep all = {.groups = table.n_filled,
                                    .seed = 1,
                                    .now = now,
                                    .latest = latest,
                                    .forget = TABLE_NO_STORE,
                                    .visit = see,
                                    .context = &seen};
    table_sweep(&table, &all);
    return seen;
}

static void a_sweep_shows_everything_once(void **state)
{
    (void)state;
    for (unsigned size = 32; size <= 64; size += 32) {
        open_table(size, 1 << 20);
        for (uint64_t i = 1; i <= 500; i++)
            put(i, EXIST_PRESENT, LATER, NOW);
        const struct seen seen = sweep(NOW, LATER);
        assert_int_equal(seen.n, 500);
        assert_int_equal(seen.sum, 500 * 501 / 2);
        assert_int_equal(seen.used, 0);
        table_close(&table);
    }
}

static void a_sweep_goes_on_where_it_stopped(void **state)
{
    (void)state;
    open_table(32, 1 << 20);
    for (uint64_t i = 1; i <= 500; i++)
        put(i, EXIST_PRESENT, LATER, NOW);
    struct seen seen = {0};
    const struct table_sweep one = {.groups = 1,
                                    .seed = 1,
                                    .now = NOW,
                                    .latest = LATER,
                                    .forget = TABLE_NO_STORE,
                                    .visit = see,
                                    .context = &seen};
    for (uint32_t i = 0; i < table.n_filled; i++)
        table_sweep(&table, &one);
    assert_int_equal(seen.n, 500);
    assert_int_equal(seen.sum, 500 * 501 / 2);
}

static void a_sweep_knows_what_was_used_since_it_was_put(void **state)
{
    (void)state;
    open_table(32, 1 << 20);
    for (uint64_t i = 0; i < 10; i++)
        put(i, EXIST_PRESENT, LATER, NOW);
    const struct key three = make(3, 0), four = make(4, 0);
    table_find(&table, 0, &three, NOW);
    table_find(&table, 1, &four, NOW);
    assert_int_equal(sweep(NOW, LATER).used, 2);
    assert_int_equal(sweep(NOW, LATER).used, 2);
    put(3, EXIST_PRESENT, LATER, NOW);
    assert_int_equal(sweep(NOW, LATER).used, 1);
}

static void a_sweep_removes_what_has_expired(void **state)
{
    (void)state;
    open_table(32, 1 << 20);
    for (uint64_t i = 0; i < 100; i++)
        put(i, EXIST_PRESENT, i % 2 == 0 ? NOW + 1 : LATER, NOW);
    assert_int_equal(sweep(NOW + 1, LATER).n, 50);
    assert_int_equal(table.entries, 50);
    assert_int_equal(sweep(LATER, LATER).n, 0);
    assert_int_equal(table.entries, 0);
    assert_int_equal(table.n_filled, 0);
    assert_int_equal(sweep(LATER, LATER).n, 0);
    put(1, EXIST_PRESENT, LATER + 1, LATER);
    assert_int_equal(table.n_filled, 1);
}

static void a_sweep_shortens_lives(void **state)
{
    (void)state;
    open_table(32, 1 << 20);
    put(1, EXIST_PRESENT, LATER, NOW);
    sweep(NOW, NOW + 10);
    assert_int_equal(find(1, NOW + 9), EXIST_PRESENT);
    assert_int_equal(find(1, NOW + 10), EXIST_MISS);
}

/* Two keys whose states are never the same at a time: a reader that sees a mixture of an old and a
 * new entry sees a state that its key never had. */
static atomic_bool done;

static void *read_always(void *worker)
{
    uint64_t found = 0;
    while (!atomic_load(&done)) {
        for (uint64_t i = 0; i < 200; i++) {
            const struct key key = make(i, 0);
            enum exist_state state = table_find(&table, *(unsigned *)worker, &key, NOW);
            if (state == EXIST_MISS)
                continue;
            found++;
            if (state != (i % 2 == 0 ? EXIST_PRESENT : EXIST_ABSENT))
                return NULL;
        }
    }
    return found > 0 ? worker : NULL;
}

static void readers_see_whole_entries_while_they_change(void **state)
{
    (void)state;
    pthread_t thread[2];
    unsigned worker[2] = {0, 1};
    open_table(32, 4096); /* so small that every put evicts */
    atomic_store(&done, false);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, read_always, &worker[i]), 0);
    for (uint64_t round = 0; round < 300; round++) {
        for (uint64_t i = 0; i < 200; i++)
            put(i, i % 2 == 0 ? EXIST_PRESENT : EXIST_ABSENT, LATER, NOW);
        sweep(NOW, LATER);
    }
    atomic_store(&done, true);
    for (unsigned i = 0; i < 2; i++) {
        void *ok;
        pthread_join(thread[i], &ok);
        assert_non_null(ok);
    }
}

#define SHARED (64 * 1024)

static unsigned char *shared_memory(void)
{
    void *memory = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static void processes_share_a_table_that_lies_in_shared_memory(void **state)
{
    (void)state;
    unsigned char *memory = shared_memory();
    assert_true(table_place(&table, 32, 1, memory, SHARED));
    assert_true(table.bytes <= SHARED && table.bytes > SHARED - 16 * 512);
    pid_t child = fork();
    if (child == 0) {
        put(1, EXIST_PRESENT, LATER, NOW);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(find(1, NOW), EXIST_PRESENT);
    munmap(memory, SHARED);
    table = (struct table){0};
}

static void a_table_is_placed_where_there_is_room_for_it(void **state)
{
    (void)state;
    unsigned char *memory = shared_memory();
    size_t size = 64;
    while (!table_place(&table, 64, 0, memory, size))
        size += 64;
    assert_in_range(size, 4096, 2 * 4096);
    for (uint64_t i = 0; i < 1000; i++)
        put(i, EXIST_ABSENT, LATER, NOW);
    for (size_t i = size; i < SHARED; i++)
        assert_int_equal(memory[i], 0);
    munmap(memory, SHARED);
    table = (struct table){0};
}

/* A bucket is 256 bytes, and its sequence is what stands first. */
static void leave_half_written(unsigned char *memory)
{
    for (uint32_t i = 0; i < table.n_buckets; i++)
        memory[(size_t)i * 256] |= 1;
}

static void what_a_writer_that_was_killed_left_is_not_believed(void **state)
{
    (void)state;
    unsigned char *memory = shared_memory();
    assert_true(table_place(&table, 32, 1, memory, 8192));
    for (uint64_t i = 0; i < 40; i++)
        put(i, EXIST_PRESENT, LATER, NOW);
    assert_int_equal(find(39, NOW), EXIST_PRESENT);
    leave_half_written(memory);
    const struct key key = make(39, 0);
    assert_int_equal(find(39, NOW), EXIST_MISS);
    assert_int_equal(table_peek(&table, &key, NOW), EXIST_MISS);
    put(1000, EXIST_ABSENT, LATER, NOW);
    assert_int_equal(find(1000, NOW), EXIST_ABSENT);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(find(i, NOW), EXIST_MISS);
    munmap(memory, SHARED);
    table = (struct table){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_entry_is_found_until_it_expires, close_table),
        cmocka_unit_test_teardown(keys_count_to_their_last_byte_whatever_their_hash, close_table),
        cmocka_unit_test_teardown(an_entry_is_replaced_in_place_and_removed, close_table),
        cmocka_unit_test_teardown(memory_bounds_what_it_holds, close_table),
        cmocka_unit_test_teardown(a_table_without_memory_to_speak_of_works, close_table),
        cmocka_unit_test_teardown(what_is_used_stays_when_there_is_no_room, close_table),
        cmocka_unit_test_teardown(what_has_expired_goes_first, close_table),
        cmocka_unit_test_teardown(a_sweep_shows_everything_once, close_table),
        cmocka_unit_test_teardown(a_sweep_goes_on_where_it_stopped, close_table),
        cmocka_unit_test_teardown(a_sweep_knows_what_was_used_since_it_was_put, close_table),
        cmocka_unit_test_teardown(a_sweep_removes_what_has_expired, close_table),
        cmocka_unit_test_teardown(a_sweep_shortens_lives, close_table),
        cmocka_unit_test_teardown(readers_see_whole_entries_while_they_change, close_table),
        cmocka_unit_test(processes_share_a_table_that_lies_in_shared_memory),
        cmocka_unit_test(a_table_is_placed_where_there_is_room_for_it),
        cmocka_unit_test(what_a_writer_that_was_killed_left_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
