/*
 * Of the prefixes that routes name, those that hold a network are found, and no others are passed
 * on the way.
 */
#include "check.h"

#include "policy/nesting.h"

#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 4096

static struct prefix prefix_of(const char *text)
{
    struct prefix p = {.bits = 0};
    if (text[0] != '\0' && prefix_parse(str_from(text), &p) != PREFIX_OK)
        fail_msg("%s is no prefix", text);
    return p;
}

/* The routes on the way from the longest prefix that holds it outwards: "3 1". */
static void check_way(const struct nesting *nesting, const char *inside, const char *want)
{
    char way[64] = "";
    const struct prefix prefix = prefix_of(inside);
    uint32_t next = nesting_find(nesting, &prefix);
    for (size_t at = 0; next > 0; next = nesting->entry[next - 1].outer)
        at += (size_t)snprintf(way + at, sizeof(way) - at, "%s%u", at > 0 ? " " : "",
                               nesting->entry[next - 1].route);
    assert_string_equal(way, want);
}

static void the_way_leads_through_all_that_hold_it_and_no_others(void **state)
{
    const struct prefix first[] = {prefix_of("10.1.0.0/16"), prefix_of("2001:db8::/32")};
    const struct prefix second[] = {prefix_of("10.0.0.0/8"), prefix_of("10.1.2.0/24"),
                                    prefix_of("10.0.0.0/8")};
    const struct prefix fourth[] = {prefix_of("10.1.0.0/16"), prefix_of("0.0.0.0/0"),
                                    prefix_of("10.1.128.0/17")};
    const struct policy_route routes[] = {{.prefixes = first, .n_prefixes = N(first)},
                                          {.prefixes = second, .n_prefixes = N(second)},
                                          {.n_prefixes = 0},
                                          {.prefixes = fourth, .n_prefixes = N(fourth)}};
    const struct policy p = {.routes = routes, .n_routes = N(routes)};
    static const struct {
        const char *inside;
        const char *way;
    } rows[] = {
        {"10.1.0.0/16", "3 0 1 3"},
        {"10.1.2.0/24", "1 3 0 1 3"},
        {"10.1.2.3/32", "1 3 0 1 3"},
        {"10.1.3.0/24", "3 0 1 3"},
        {"10.1.128.0/17", "3 3 0 1 3"},
        {"10.1.255.255/32", "3 3 0 1 3"},
        {"10.0.0.0/8", "1 3"},
        {"10.0.0.0/7", "3"},
        {"10.2.0.0/16", "1 3"},
        {"0.0.0.0/0", "3"},
        {"203.0.113.0/24", "3"},
        {"2001:db8::/32", "0"},
        {"2001:db8::1/128", "0"},
        {"2001:db9::/32", ""},
        {"::/0", ""},
        {"", ""},
    };
    struct nesting nesting;
    (void)state;
    assert_int_equal(nesting_count(&p), N(first) + N(second) + N(fourth));
    struct nesting_entry *memory = malloc(2 * nesting_count(&p) * sizeof(*memory));
    nesting_make(&nesting, &p, memory);
    assert_int_equal(nesting.n, nesting_count(&p) - 1);
    for (size_t i = 0; i < N(rows); i++)
        check_way(&nesting, rows[i].inside, rows[i].way);
    free(memory);
}

static void of_many_prefixes_beside_each_other_only_one_is_looked_at(void **state)
{
    static struct prefix prefix[MANY];
    const struct policy_route route = {.prefixes = prefix, .n_prefixes = MANY};
    const struct policy p = {.routes = &route, .n_routes = 1};
    struct nesting nesting;
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        const unsigned spread = i * 389 % MANY;
        const uint8_t bytes[4] = {10, (uint8_t)(spread >> 8), (uint8_t)spread, 0};
        prefix[i] = (struct prefix){addr_from_v4(bytes), 24};
    }
    struct nesting_entry *memory = malloc(2 * MANY * sizeof(*memory));
    nesting_make(&nesting, &p, memory);
    assert_int_equal(nesting.n, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(nesting.entry[i].outer, 0);
        uint32_t found = nesting_find(&nesting, &prefix[i]);
        assert_true(found > 0);
        assert_int_equal(prefix_compare(&nesting.entry[found - 1].prefix, &prefix[i]), 0);
    }
    free(memory);
}

static void without_prefixes_nothing_is_found(void **state)
{
    const struct policy p = {.n_routes = 0};
    const struct prefix inside = prefix_of("10.0.0.0/8");
    struct nesting_entry none;
    struct nesting nesting;
    (void)state;
    nesting_make(&nesting, &p, &none);
    assert_int_equal(nesting_find(&nesting, &inside), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_leads_through_all_that_hold_it_and_no_others),
        cmocka_unit_test(of_many_prefixes_beside_each_other_only_one_is_looked_at),
        cmocka_unit_test(without_prefixes_nothing_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
