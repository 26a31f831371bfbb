/* All addresses, divided by two prefix tables. */
#include "cli/partition.h"

#include "chance.h"
#include "check.h"
#include <stdlib.h>

#define ROUNDS 200
#define ENTRIES 40
#define PIECES 4000

struct table {
    struct snapshot snapshot;
    void *image;
};

/* Prefixes of few bits, or of many that few differ in, so that they lie in each other. */
static struct prefix random_prefix(void)
{
    struct prefix p = {.addr = {.family = chance_below(2) == 0 ? ADDR_V4 : ADDR_V6}};
    p.bits = (uint8_t)(chance_below(3) == 0 ? chance_below(8) : 24 + chance_below(9));
    p.addr.bytes[0] = (uint8_t)chance_below(256);
    if (p.bits >= 24)
        p.addr.bytes[0] = 10;
    p.addr.bytes[3] = (uint8_t)chance_below(256);
    prefix_clear_host(&p);
    return p;
}

static void make(struct table *t)
{
    struct lpm_entry entry[ENTRIES];
    size_t n = chance_below(ENTRIES), size = lpm_scratch_size(n);
    for (size_t i = 0; i < n; i++)
        entry[i] = (struct lpm_entry){random_prefix(), 1 + (uint32_t)chance_below(4)};
    void *scratch = malloc(size + 8);
    t->image = malloc(lpm_image_bound(entry, n));
    size_t used = lpm_build(entry, n, scratch, size, t->image);
    free(scratch);
    assert_true(used > 0);
    t->snapshot = (struct snapshot){.n_networks = 5};
    assert_null(lpm_open(&t->snapshot.table, t->image, used));
}

struct result {
    struct prefix prefix[PIECES];
    uint32_t key[PIECES];
    size_t n;
};

static uint32_t key_of(void *context, const struct addr *client, uint32_t before, uint32_t after)
{
    (void)context;
    (void)client;
    return before == after ? 0 : before * 10 + after;
}

static void take(void *context, const struct prefix *piece, uint32_t key)
{
    struct result *r = context;
    assert_true(r->n < PIECES);
    r->prefix[r->n] = *piece;
    r->key[r->n++] = key;
}

static void check_address(const struct partition *p, const struct result *r,
                          const struct addr *client)
{
    uint32_t want =
        key_of(NULL, client, snapshot_locate(p->before, client), snapshot_locate(p->after, client));
    size_t holding = 0;
    for (size_t i = 0; i < r->n; i++)
        if (prefix_holds(&r->prefix[i], client)) {
            assert_int_equal(r->key[i], want);
            holding++;
        }
    assert_int_equal(holding, 1);
}

/* Two halves of a prefix would have been one piece. */
static void check_no_halves(const struct result *r)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t j = 0; j < i; j++) {
            struct prefix a = r->prefix[i], b = r->prefix[j];
            if (a.bits != b.bits || a.bits == 0 || r->key[i] != r->key[j])
                continue;
            a.bits--;
            b.bits--;
            prefix_clear_host(&a);
            prefix_clear_host(&b);
            assert_int_not_equal(prefix_compare(&a, &b), 0);
        }
}

static void every_address_is_in_one_piece_with_its_key(void **state)
{
    (void)state;
    static struct result result;
    for (int round = 0; round < ROUNDS; round++) {
        struct table before, after;
        make(&before);
        make(&after);
        result.n = 0;
        const struct partition p = {&before.snapshot, &after.snapshot, key_of, take, &result};
        partition_walk(&p);
        for (int i = 0; i < 500; i++) {
            struct addr client = random_prefix().addr;
            client.bytes[client.family == ADDR_V4 ? 3 : 15] |= (uint8_t)chance_below(256);
            check_address(&p, &result, &client);
        }
        check_no_halves(&result);
        free(before.image);
        free(after.image);
    }
}

static void tables_that_are_the_same_make_one_piece_of_each_family(void **state)
{
    (void)state;
    struct table table;
    static struct result result;
    make(&table);
    const struct partition p = {&table.snapshot, &table.snapshot, key_of, take, &result};
    partition_walk(&p);
    assert_int_equal(result.n, 2);
    assert_int_equal(result.prefix[0].bits + result.prefix[1].bits, 0);
    free(table.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_is_in_one_piece_with_its_key),
        cmocka_unit_test(tables_that_are_the_same_make_one_piece_of_each_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
