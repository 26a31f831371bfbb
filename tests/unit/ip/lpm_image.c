/*
 * Table images that are not what lpm_build() wrote.
 */
#include "ip/lists.h"

/* Few bits are set, so that prefixes lie inside others. */
static struct list nested(void)
{
    struct list l = {0};
    while (l.n < 400) {
        struct prefix p = {.addr = random_address(l.n % 3 == 0 ? ADDR_V6 : ADDR_V4)};
        for (size_t k = 0; k < sizeof(p.addr.bytes); k++)
            p.addr.bytes[k] &= (uint8_t)(chance_number() & chance_number());
        p.bits = (uint8_t)(chance_number() % (p.addr.family == ADDR_V4 ? 33 : 65));
        prefix_clear_host(&p);
        add(&l, p, (uint32_t)(chance_number() % 170));
    }
    return l;
}

/* Looks up what a damaged table that was accepted must survive. */
static void look_around(const struct lpm *table, const struct list *l)
{
    for (int i = 0; i < 40; i++) {
        struct addr a = random_address(i % 2 == 0 ? ADDR_V4 : ADDR_V6);
        struct prefix p;
        if (i % 4 >= 2)
            a = neighbour(l->entry[chance_number() % l->n].prefix.addr, i % 3 - 1);
        uint32_t value = lpm_lookup(table, &a);
        assert_true(value == LPM_NONE || value <= LPM_VALUE_MAX);
        lpm_match(table, &a, &p);
    }
}

static void damaged_images_are_refused_or_harmless(void **state)
{
    (void)state;
    size_t size, accepted = 0, rounds = 50000;
    struct list l = nested();
    unsigned char *image = build(l.entry, l.n, &size), *damaged = malloc(size);
    struct lpm table;
    for (size_t i = 0; i < rounds; i++) {
        memcpy(damaged, image, size);
        for (uint64_t k = chance_number() % 3 + 1; k > 0; k--) {
            uint64_t r = chance_number();
            /* Half of them where it hurts most. */
            size_t at = (size_t)(r >> 8) % (r % 2 == 0 ? size : 64);
            damaged[at] = (r >> 4) % 2 == 0 ? (unsigned char)(damaged[at] ^ 1U << (r >> 5) % 8)
                                            : (unsigned char)(r >> 48);
        }
        if (lpm_open(&table, damaged, size) != NULL)
            continue;
        accepted++;
        look_around(&table, &l);
    }
    print_message("%zu of %zu damaged images were accepted\n", accepted, rounds);
    assert_in_range(accepted, 1, rounds - 1);
    free(damaged);
    free(image);
    free(l.entry);
}

static void an_image_that_is_cut_or_longer_is_refused(void **state)
{
    (void)state;
    struct list l = {0};
    struct lpm table;
    size_t size;
    add_text(&l, "192.0.2.0/24", 1);
    add_text(&l, "2001:db8::/32", 2);
    unsigned char *image = build(l.entry, l.n, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut + (cut == 0));
        memcpy(part, image, cut);
        assert_non_null(lpm_open(&table, part, cut));
        free(part);
    }
    unsigned char *longer = calloc(1, size + 1);
    memcpy(longer, image, size);
    assert_null(lpm_open(&table, longer, size));
    assert_non_null(lpm_open(&table, longer, size + 1));
    longer[0] ^= 1;
    assert_non_null(lpm_open(&table, longer, size));
    free(longer);
    free(image);
    free(l.entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_that_is_cut_or_longer_is_refused),
        cmocka_unit_test(damaged_images_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
