#include "ip/lists.h"

#include <jansson.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is tested against: every prefix in one hash table, asked for each length in turn. */
struct reference {
    const struct lpm_entry **slot;
    size_t mask;
    bool used[2][129]; /* lengths of a family that there are */
};

/* The data that the large tests share. */
static struct {
    struct list list;
    struct reference reference;
    void *image;
    size_t size;
    struct lpm table;
} big;

static void *build_and_open(const struct list *l, struct lpm *table)
{
    size_t size;
    void *image = build(l->entry, l->n, &size);
    const char *wrong = lpm_open(table, image, size);
    if (wrong != NULL)
        fail_msg("%s", wrong);
    return image;
}

static uint32_t lookup_text(const struct lpm *table, const char *text)
{
    struct addr a;
    assert_true(addr_parse(str_from(text), &a));
    return lpm_lookup(table, &a);
}

/* The table's answer for an address must be the reference's, and the prefix the one it came from.
 */
static void compare(const struct lpm *table, const struct lpm_entry *expected, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];
    struct prefix matched, untouched;
    memset(&matched, 0x5a, sizeof(matched));
    untouched = matched;
    uint32_t value = lpm_lookup(table, a), again = lpm_match(table, a, &matched);
    uint32_t right = expected != NULL ? expected->value : LPM_NONE;
    if (value != right || again != right) {
        addr_format(a, text);
        fail_msg("%s: %u and %u instead of %u", text, value, again, right);
    }
    if (expected == NULL)
        assert_memory_equal(&matched, &untouched, sizeof(matched));
    else
        assert_int_equal(prefix_compare(&matched, &expected->prefix), 0);
}

static size_t hash(const struct prefix *p)
{
    uint64_t h = 1469598103934665603U ^ p->bits;
    for (size_t i = 0; i < sizeof(p->addr.bytes); i++)
        h = (h ^ p->addr.bytes[i]) * 1099511628211U;
    return (size_t)(h ^ h >> 29) + p->addr.family;
}

/* The slot that holds p, or the free one where it belongs. */
static const struct lpm_entry **slot(const struct reference *r, const struct prefix *p)
{
    size_t i = hash(p) & r->mask;
    while (r->slot[i] != NULL && prefix_compare(&r->slot[i]->prefix, p) != 0)
        i = (i + 1) & r->mask;
    return &r->slot[i];
}

static void reference_make(struct reference *r, const struct list *l)
{
    *r = (struct reference){.mask = 1};
    while (r->mask < 3 * l->n)
        r->mask = r->mask * 2 + 1;
    r->slot = calloc(r->mask + 1, sizeof(struct lpm_entry *));
    assert_non_null(r->slot);
    for (size_t i = 0; i < l->n; i++) {
        const struct lpm_entry *e = &l->entry[i];
        const struct lpm_entry **at = slot(r, &e->prefix);
        if (*at == NULL)
            *at = e;
        r->used[e->prefix.addr.family == ADDR_V6][e->prefix.bits] = true;
    }
}

static const struct lpm_entry *reference_find(const struct reference *r, const struct addr *a)
{
    for (int bits = a->family == ADDR_V4 ? 32 : 128; bits >= 0; bits--) {
        struct prefix p = {.addr = *a, .bits = (uint8_t)bits};
        if (!r->used[a->family == ADDR_V6][bits])
            continue;
        prefix_clear_host(&p);
        const struct lpm_entry *found = *slot(r, &p);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* By looking at all of them. */
static const struct lpm_entry *scan(const struct list *l, const struct addr *a)
{
    const struct lpm_entry *best = NULL;
    for (size_t i = 0; i < l->n; i++)
        if (prefix_holds(&l->entry[i].prefix, a) &&
            (best == NULL || l->entry[i].prefix.bits > best->prefix.bits))
            best = &l->entry[i];
    return best;
}

static struct addr last_address(const struct prefix *p)
{
    struct addr a = p->addr;
    for (unsigned bit = p->bits; bit < (a.family == ADDR_V4 ? 32U : 128U); bit++)
        a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return a;
}

static json_t *load_json(const char *directory, const char *name)
{
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        fail_msg("%s: %s", path, error.text);
    return root;
}

/* Values: one for each region, in order of appearance. */
static uint32_t region_value(json_t *regions, const char *region)
{
    json_t *known = json_object_get(regions, region);
    if (known != NULL)
        return (uint32_t)json_integer_value(known);
    uint32_t value = (uint32_t)json_object_size(regions);
    json_object_set_new(regions, region, json_integer(value));
    return value;
}

static void add_json(struct list *l, const json_t *text, uint32_t value)
{
    if (json_string_value(text) != NULL)
        add_text(l, json_string_value(text), value);
}

static void load_published(struct list *l, const char *directory)
{
    static const char *const keys[][2] = {{"prefixes", "ip_prefix"},
                                          {"ipv6_prefixes", "ipv6_prefix"}};
    json_t *regions = json_object(), *root, *item, *text;
    size_t i, j;
    root = load_json(directory, "aws-ip-ranges.json");
    for (size_t k = 0; k < COUNT(keys); k++)
        json_array_foreach(json_object_get(root, keys[k][0]), i, item)
            add_json(l, json_object_get(item, keys[k][1]),
                     region_value(regions, json_string_value(json_object_get(item, "region"))));
    json_decref(root);
    root = load_json(directory, "gcp-cloud.json");
    json_array_foreach(json_object_get(root, "prefixes"), i, item)
    {
        uint32_t value = region_value(regions, json_string_value(json_object_get(item, "scope")));
        add_json(l, json_object_get(item, "ipv4Prefix"), value);
        add_json(l, json_object_get(item, "ipv6Prefix"), value);
    }
    json_decref(root);
    root = load_json(directory, "azure-service-tags.json");
    json_array_foreach(json_object_get(root, "values"), i, item)
    {
        json_t *properties = json_object_get(item, "properties");
        uint32_t value =
            region_value(regions, json_string_value(json_object_get(properties, "region")));
        json_array_foreach(json_object_get(properties, "addressPrefixes"), j, text)
            add_json(l, text, value);
    }
    json_decref(root);
    json_decref(regions);
}

/* A table of the published one's size: lengths in its proportions, clustered in blocks, some
 * inside others. */
static void generate(struct list *l)
{
    static const struct {
        uint8_t family, bits;
        unsigned n;
    } lengths[] = {
        {ADDR_V4, 12, 40},   {ADDR_V4, 15, 330},  {ADDR_V4, 17, 1480}, {ADDR_V4, 19, 1060},
        {ADDR_V4, 21, 1050}, {ADDR_V4, 23, 2780}, {ADDR_V4, 24, 5680}, {ADDR_V4, 26, 1810},
        {ADDR_V4, 28, 1960}, {ADDR_V4, 30, 1420}, {ADDR_V4, 32, 2320}, {ADDR_V6, 36, 200},
        {ADDR_V6, 40, 1400}, {ADDR_V6, 48, 1480}, {ADDR_V6, 56, 920},  {ADDR_V6, 60, 680},
        {ADDR_V6, 64, 2240}, {ADDR_V6, 65, 16},   {ADDR_V6, 128, 18},
    };
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (unsigned k = 0; k < lengths[i].n; k++) {
            struct prefix p = {.addr = random_address(lengths[i].family), .bits = lengths[i].bits};
            if (p.addr.family == ADDR_V6)
                memcpy(p.addr.bytes, "\x26\x00\x1f", 3);
            else
                p.addr.bytes[0] &= 0x3f;
            size_t from = (size_t)chance_number() % (l->n + 1);
            if (k % 2 == 0 && from < l->n && l->entry[from].prefix.addr.family == p.addr.family) {
                struct prefix outer = l->entry[from].prefix;
                memcpy(p.addr.bytes, outer.addr.bytes, outer.bits / 8U);
            }
            prefix_clear_host(&p);
            add(l, p, (uint32_t)(chance_number() % 170));
        }
    }
}

static int make_big(void **state)
{
    (void)state;
    const char *directory = getenv("ARCHEIO_TEST_RANGES"), *ci = getenv("CI");
    if (directory != NULL && directory[0] != '\0') {
        load_published(&big.list, directory);
        assert_true(big.list.n > 20000);
    } else if (ci != NULL && strcmp(ci, "true") == 0) {
        fail_msg("ARCHEIO_TEST_RANGES is not set: in CI the published ranges must be there");
    } else {
        print_message("ARCHEIO_TEST_RANGES is not set: a generated table is tested instead of the "
                      "published ranges\n");
        generate(&big.list);
    }
    reference_make(&big.reference, &big.list);
    big.image = build(big.list.entry, big.list.n, &big.size);
    const char *wrong = lpm_open(&big.table, big.image, big.size);
    if (wrong != NULL)
        fail_msg("%s", wrong);
    print_message("%zu entries, %u IPv4 and %u IPv6 prefixes, %zu bytes\n", big.list.n,
                  lpm_count(&big.table, ADDR_V4), lpm_count(&big.table, ADDR_V6), big.size);
    return 0;
}

static int free_big(void **state)
{
    (void)state;
    free(big.image);
    free(big.reference.slot);
    free(big.list.entry);
    return 0;
}

static void an_empty_table_is_valid_and_knows_nobody(void **state)
{
    (void)state;
    struct lpm table;
    void *image = build_and_open(&(struct list){0}, &table);
    assert_int_equal(lookup_text(&table, "192.0.2.1"), LPM_NONE);
    assert_int_equal(lookup_text(&table, "2001:db8::1"), LPM_NONE);
    assert_int_equal(lpm_lookup(&table, &(struct addr){0}), LPM_NONE);
    assert_int_equal(lpm_count(&table, ADDR_V4), 0);
    assert_int_equal(lpm_count(&table, ADDR_V6), 0);
    free(image);
}

struct expectation {
    const char *address;
    uint32_t value;
    const char *prefix;
};

static void the_longest_prefix_wins_wherever_prefixes_nest(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        uint32_t value;
    } given[] = {
        {"10.0.0.0/8", 1},
        {"10.1.0.0/16", 2},
        {"10.1.2.0/24", 3},
        {"10.1.2.3/32", 4},
        {"10.1.2.0/25", 1},
        {"10.0.0.0/16", 1},
        {"255.255.255.255", 5},
        {"255.255.255.0/24", 6},
        {"0.0.0.0/32", LPM_VALUE_MAX},
        {"2001:db8::/32", 7},
        {"2001:db8::/64", 8},
        {"2001:db8::/65", 9},
        {"2001:db8::1/128", 10},
        {"2001:db8:0:0:8000::/65", 7},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124", 11},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 12},
        {"2001:db8:0:1:ffff:ffff:ffff:ff00/120", 13},
    };
    static const struct expectation expected[] = {
        {"9.255.255.255", LPM_NONE, NULL},
        {"10.0.0.0", 1, "10.0.0.0/16"},
        {"10.2.0.0", 1, "10.0.0.0/8"},
        {"10.1.0.0", 2, "10.1.0.0/16"},
        {"10.1.2.2", 1, "10.1.2.0/25"},
        {"10.1.2.3", 4, "10.1.2.3/32"},
        {"10.1.2.4", 1, "10.1.2.0/25"},
        {"10.1.2.128", 3, "10.1.2.0/24"},
        {"10.1.3.0", 2, "10.1.0.0/16"},
        {"10.255.255.255", 1, "10.0.0.0/8"},
        {"11.0.0.0", LPM_NONE, NULL},
        {"255.255.255.254", 6, "255.255.255.0/24"},
        {"255.255.255.255", 5, "255.255.255.255/32"},
        {"0.0.0.0", LPM_VALUE_MAX, "0.0.0.0/32"},
        {"0.0.0.1", LPM_NONE, NULL},
        {"::ffff:10.1.2.3", 4, "10.1.2.3/32"},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", LPM_NONE, NULL},
        {"2001:db8::", 9, "2001:db8::/65"},
        {"2001:db8::1", 10, "2001:db8::1/128"},
        {"2001:db8::2", 9, "2001:db8::/65"},
        {"2001:db8::8000:0:0:0", 7, "2001:db8:0:0:8000::/65"},
        {"2001:db8:0:1::", 7, "2001:db8::/32"},
        {"2001:db8:0:1:ffff:ffff:ffff:ffff", 13, "2001:db8:0:1:ffff:ffff:ffff:ff00/120"},
        {"2001:db8:0:2::", 7, "2001:db8::/32"},
        {"2001:db9::", LPM_NONE, NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffef", LPM_NONE, NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 11,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 12,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
        {"::", LPM_NONE, NULL},
    };
    struct list l = {0};
    struct lpm table;
    for (size_t i = 0; i < COUNT(given); i++)
        add_text(&l, given[i].prefix, given[i].value);
    void *image = build_and_open(&l, &table);
    for (size_t i = 0; i < COUNT(expected); i++) {
        struct addr a;
        struct prefix p;
        char text[PREFIX_TEXT_MAX];
        assert_true(addr_parse(str_from(expected[i].address), &a));
        assert_int_equal(lpm_lookup(&table, &a), expected[i].value);
        assert_int_equal(lpm_match(&table, &a, &p), expected[i].value);
        if (expected[i].prefix == NULL)
            continue;
        prefix_format(&p, text);
        assert_string_equal(text, expected[i].prefix);
    }
    assert_int_equal(lpm_count(&table, ADDR_V4), 9);
    assert_int_equal(lpm_count(&table, ADDR_V6), 8);
    for (uint32_t i = 0; i < 9 + 8; i++) {
        enum addr_family family = i < 9 ? ADDR_V4 : ADDR_V6;
        uint32_t at = i < 9 ? i : i - 9;
        struct prefix p = lpm_prefix(&table, family, at), matched, before = {.bits = 0};
        assert_int_equal(p.addr.family, family);
        if (at > 0)
            before = lpm_prefix(&table, family, at - 1);
        assert_true(prefix_compare(&before, &p) < 0);
        lpm_match(&table, &p.addr, &matched);
        assert_true(matched.bits >= p.bits);
    }
    free(image);
    free(l.entry);
}

static void a_prefix_of_length_zero_holds_its_family_only(void **state)
{
    (void)state;
    struct list l = {0};
    struct lpm table;
    add_text(&l, "0.0.0.0/0", 1);
    void *image = build_and_open(&l, &table);
    assert_int_equal(lookup_text(&table, "0.0.0.0"), 1);
    assert_int_equal(lookup_text(&table, "255.255.255.255"), 1);
    assert_int_equal(lookup_text(&table, "::"), LPM_NONE);
    free(image);
    add_text(&l, "::/0", 2);
    add_text(&l, "2001:db8::/32", 3);
    image = build_and_open(&l, &table);
    assert_int_equal(lookup_text(&table, "192.0.2.1"), 1);
    assert_int_equal(lookup_text(&table, "::"), 2);
    assert_int_equal(lookup_text(&table, "ffff::"), 2);
    assert_int_equal(lookup_text(&table, "2001:db8::"), 3);
    assert_int_equal(lpm_lookup(&table, &(struct addr){0}), LPM_NONE);
    free(image);
    free(l.entry);
}

static void of_equal_prefixes_the_first_counts(void **state)
{
    (void)state;
    struct list l = {0};
    struct lpm table;
    add_text(&l, "192.0.2.0/24", 3);
    add_text(&l, "10.0.0.0/8", 2);
    add_text(&l, "192.0.2.0/24", 1);
    add_text(&l, "192.0.2.0/25", 4);
    add_text(&l, "192.0.2.0/24", 2);
    void *image = build_and_open(&l, &table);
    assert_int_equal(lookup_text(&table, "192.0.2.255"), 3);
    assert_int_equal(lookup_text(&table, "192.0.2.1"), 4);
    assert_int_equal(lpm_count(&table, ADDR_V4), 3);
    free(image);
    free(l.entry);
}

static void unfit_entries_and_short_memory_are_refused(void **state)
{
    (void)state;
    static const struct lpm_entry unfit[] = {
        {.prefix = {.addr = {.family = ADDR_NONE}}},
        {.prefix = {.addr = {.family = 5}}},
        {.prefix = {.addr = {.family = ADDR_V4}, .bits = 33}},
        {.prefix = {.addr = {.family = ADDR_V6}, .bits = 129}},
        {.prefix = {.addr = {.family = ADDR_V6}, .bits = 255}},
        {.prefix = {.addr = {.family = ADDR_V4, .bytes = {1}}, .bits = 7}},
        {.prefix = {.addr = {.family = ADDR_V4, .bytes = {[4] = 1}}, .bits = 32}},
        {.prefix = {.addr = {.family = ADDR_V6, .bytes = {[15] = 1}}, .bits = 127}},
        {.prefix = {.addr = {.family = ADDR_V4}, .bits = 8}, .value = LPM_VALUE_MAX + 1},
        {.prefix = {.addr = {.family = ADDR_V4}, .bits = 8}, .value = LPM_NONE},
    };
    size_t size = lpm_scratch_size(1);
    void *scratch = malloc(size);
    uint64_t image[64];
    for (size_t i = 0; i < COUNT(unfit); i++) {
        assert_true(lpm_image_bound(&unfit[i], 1) > 0);
        assert_int_equal(lpm_build(&unfit[i], 1, scratch, size, image), 0);
    }
    struct lpm_entry fit = {.prefix = {.addr = {.family = ADDR_V4}, .bits = 8}};
    assert_int_equal(lpm_build(&fit, 1, scratch, size - 1, image), 0);
    assert_int_equal(lpm_build(&fit, LPM_PREFIXES_MAX + 1, scratch, SIZE_MAX, image), 0);
    assert_int_equal(lpm_image_bound(&fit, LPM_PREFIXES_MAX + 1), SIZE_MAX);
    assert_int_equal(lpm_scratch_size(LPM_PREFIXES_MAX + 1), SIZE_MAX);
    free(scratch);
}

static void the_order_of_the_entries_does_not_matter(void **state)
{
    (void)state;
    size_t n = big.list.n, size;
    struct lpm_entry *shuffled = malloc(n * sizeof(*shuffled));
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) /* of duplicates only the first, which must stay the first */
        if (*slot(&big.reference, &big.list.entry[i].prefix) == &big.list.entry[i])
            shuffled[kept++] = big.list.entry[i];
    for (size_t i = kept; i > 1; i--) {
        size_t j = (size_t)(chance_number() % i);
        struct lpm_entry swapped = shuffled[i - 1];
        shuffled[i - 1] = shuffled[j];
        shuffled[j] = swapped;
    }
    void *image = build(shuffled, kept, &size);
    assert_int_equal(size, big.size);
    assert_memory_equal(image, big.image, size);
    free(image);
    free(shuffled);
}

static void the_reference_is_a_scan_of_all_prefixes(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct addr a = random_address(i % 3 == 0 ? ADDR_V6 : ADDR_V4);
        if (i % 3 != 1) {
            const struct prefix *p = &big.list.entry[chance_number() % big.list.n].prefix;
            a = chance_number() % 2 == 0 ? neighbour(p->addr, -1) : last_address(p);
        }
        const struct lpm_entry *found = reference_find(&big.reference, &a);
        assert_ptr_equal(found, scan(&big.list, &a));
    }
}

static void every_prefixs_ends_and_their_neighbours_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < big.list.n; i++) {
        struct addr first = big.list.entry[i].prefix.addr;
        struct addr last = last_address(&big.list.entry[i].prefix);
        const struct addr asked[] = {first, neighbour(first, -1), neighbour(first, 1),
                                     last,  neighbour(last, -1),  neighbour(last, 1)};
        for (size_t k = 0; k < COUNT(asked); k++)
            compare(&big.table, reference_find(&big.reference, &asked[k]), &asked[k]);
    }
}

static void a_million_random_addresses_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        struct addr a = random_address(i % 4 == 3 ? ADDR_V6 : ADDR_V4);
        if (i % 2 == 1) { /* inside a published prefix, else few IPv6 addresses would meet one */
            const struct prefix *p = &big.list.entry[chance_number() % big.list.n].prefix;
            struct addr inside = random_address(p->addr.family);
            struct addr last = last_address(p);
            for (size_t k = 0; k < sizeof(a.bytes); k++)
                a.bytes[k] =
                    p->addr.bytes[k] | (inside.bytes[k] & (last.bytes[k] ^ p->addr.bytes[k]));
            a.family = p->addr.family;
        }
        compare(&big.table, reference_find(&big.reference, &a), &a);
    }
}

static void small_random_tables_are_right_everywhere(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct list l = {0};
        struct lpm table;
        size_t n = (size_t)(chance_number() % 20);
        for (size_t i = 0; i < n; i++) {
            struct prefix p = {.addr = random_address(chance_number() % 2 ? ADDR_V4 : ADDR_V6)};
            for (size_t k = 0; k < 16; k++) /* few bits set: much nesting */
                p.addr.bytes[k] &= (uint8_t)(chance_number() & chance_number());
            p.bits = (uint8_t)(chance_number() % (p.addr.family == ADDR_V4 ? 33 : 129));
            prefix_clear_host(&p);
            add(&l, p, (uint32_t)(chance_number() % 4));
        }
        void *image = build_and_open(&l, &table);
        for (size_t i = 0; i < 6 * n; i++) {
            const struct prefix *p = &l.entry[i % n].prefix;
            struct addr a = i / n < 3 ? p->addr : last_address(p);
            a = neighbour(a, (int)(i / n % 3) - 1);
            compare(&table, scan(&l, &a), &a);
        }
        free(image);
        free(l.entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_is_valid_and_knows_nobody),
        cmocka_unit_test(the_longest_prefix_wins_wherever_prefixes_nest),
        cmocka_unit_test(a_prefix_of_length_zero_holds_its_family_only),
        cmocka_unit_test(of_equal_prefixes_the_first_counts),
        cmocka_unit_test(unfit_entries_and_short_memory_are_refused),
        cmocka_unit_test(small_random_tables_are_right_everywhere),
        cmocka_unit_test(the_order_of_the_entries_does_not_matter),
        cmocka_unit_test(the_reference_is_a_scan_of_all_prefixes),
        cmocka_unit_test(every_prefixs_ends_and_their_neighbours_are_found),
        cmocka_unit_test(a_million_random_addresses_are_found),
    };
    return cmocka_run_group_tests(tests, make_big, free_big);
}
