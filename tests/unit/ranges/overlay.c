/* Ranges, autonomous systems and the networks of routes, laid over each other. */
#include "ranges/overlay.h"

#include "chance.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS 300

static struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_int_equal(prefix_parse(str_from(text), &p), PREFIX_OK);
    return p;
}

/* ── What one address gets, the slow way ── */

/* The longest of n prefixes, `size` bytes apart, that holds the address, the first of equals; n if
 * none does. */
static size_t longest(const void *first, size_t n, size_t size, const struct addr *a)
{
    size_t best = n;
    int bits = -1;
    for (size_t i = 0; i < n; i++) {
        const struct prefix *p = (const void *)((const char *)first + i * size);
        if (prefix_holds(p, a) && p->bits > bits) {
            bits = p->bits;
            best = i;
        }
    }
    return best;
}

static void check_address(const struct overlay_sources *from, const struct overlay *o,
                          const struct addr *a)
{
    const struct ranges *r = from->ranges;
    size_t place = longest(r->range, r->n_ranges, sizeof(r->range[0]), a);
    size_t asn = longest(from->asn, from->n_asns, sizeof(from->asn[0]), a);
    size_t inside = longest(from->inside, from->n_inside, sizeof(from->inside[0]), a);
    size_t got = longest(o->range, o->n_ranges, sizeof(o->range[0]), a);
    static const struct policy_network unknown;
    const struct policy_network *network =
        got < o->n_ranges ? &o->network[o->range[got].network] : &unknown;
    uint32_t want_asn = 0;
    for (size_t i = 0; asn < from->n_asns && i < from->n_named; i++)
        if (from->named[i] == from->asn[asn].asn)
            want_asn = from->named[i];
    assert_int_equal(network->asn, want_asn);
    if (place == r->n_ranges)
        assert_int_equal(network->place.cloud.len, 0);
    else
        assert_true(str_eq(network->place.region, r->place[r->range[place].place].region));
    if (inside == from->n_inside)
        assert_int_equal(network->inside.addr.family, ADDR_NONE);
    else
        assert_int_equal(prefix_compare(&network->inside, &from->inside[inside]), 0);
}

/* ── A few sources by hand ── */

static struct policy_place places[] = {{STR_INIT("aws"), STR_INIT("a")},
                                       {STR_INIT("aws"), STR_INIT("b")},
                                       {STR_INIT("gcp"), STR_INIT("c")}};

static void each_source_has_its_word_on_every_address(void **state)
{
    (void)state;
    struct ranges_range range[] = {
        {prefix("10.0.0.0/8"), 0}, {prefix("10.1.0.0/16"), 1}, {prefix("2001:db8::/32"), 2}};
    const struct overlay_asn asn[] = {
        {prefix("10.1.2.0/24"), 64500},   {prefix("10.1.2.128/25"), 64511},
        {prefix("172.16.0.0/12"), 64500}, {prefix("172.16.1.0/24"), 64500},
        {prefix("172.17.0.0/16"), 64511}, {prefix("192.0.2.0/24"), 64511}};
    const struct prefix inside[] = {prefix("10.1.2.0/26"), prefix("198.51.100.0/24"),
                                    prefix("10.1.2.0/26")};
    const uint32_t named[] = {64500};
    struct ranges ranges = {
        .range = range, .n_ranges = N(range), .place = places, .n_places = N(places)};
    const struct overlay_sources from = {&ranges, asn, N(asn), named, N(named), inside, N(inside)};
    static const char *const want[] = {
        "10.0.0.0/8 a 0 -",      "10.1.0.0/16 b 0 -",
        "10.1.2.0/24 b 64500 -", "10.1.2.0/26 b 64500 10.1.2.0/26",
        "10.1.2.128/25 b 0 -",   "172.16.0.0/12  64500 -",
        "172.17.0.0/16  0 -",    "198.51.100.0/24  0 198.51.100.0/24",
        "2001:db8::/32 c 0 -"};
    struct overlay o;
    overlay_make(&from, &o);
    assert_int_equal(o.n_ranges, N(want));
    for (size_t i = 0; i < N(want); i++) {
        const struct policy_network *n = &o.network[o.range[i].network];
        char text[160], p[PREFIX_TEXT_MAX], in[PREFIX_TEXT_MAX] = "-";
        prefix_format(&o.range[i].prefix, p);
        if (n->inside.addr.family != ADDR_NONE)
            prefix_format(&n->inside, in);
        snprintf(text, sizeof(text), "%s %.*s %u %s", p, (int)n->place.region.len,
                 n->place.region.data != NULL ? n->place.region.data : "", n->asn, in);
        assert_string_equal(text, want[i]);
    }
    for (size_t i = 0; i < o.n_networks; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(&o.network[i], &o.network[j], sizeof(o.network[0]));
    overlay_release(&o);
}

static void nothing_makes_nothing(void **state)
{
    (void)state;
    struct ranges ranges = {.range = NULL};
    const struct overlay_sources from = {.ranges = &ranges};
    struct overlay o;
    overlay_make(&from, &o);
    assert_int_equal(o.n_ranges, 0);
    assert_int_equal(o.n_networks, 0);
    overlay_release(&o);
}

/* ── Many by chance ── */

/* Few addresses, so that prefixes lie in each other. */
static struct addr random_address(void)
{
    struct addr a = {.family = chance_below(3) > 0 ? ADDR_V4 : ADDR_V6};
    for (size_t i = 0; i < 4; i++)
        a.bytes[i] = (uint8_t)(chance_below(4) * 0x55);
    return a;
}

static struct prefix random_prefix(void)
{
    struct prefix p = {random_address(), (uint8_t)chance_below(33)};
    prefix_clear_host(&p);
    return p;
}

static int by_prefix(const void *a, const void *b)
{
    return prefix_compare(a, b);
}

static void whatever_the_sources_are_all_addresses_get_what_they_should(void **state)
{
    (void)state;
    static const uint32_t named[] = {1, 3, 4294967295U};
    for (int round = 0; round < ROUNDS; round++) {
        struct ranges_range range[40];
        struct overlay_asn asn[40];
        struct prefix inside[10];
        size_t n = 0;
        for (size_t i = 0; i < N(range); i++)
            range[i] = (struct ranges_range){random_prefix(), chance_below(N(places))};
        qsort(range, N(range), sizeof(range[0]), by_prefix);
        for (size_t i = 0; i < N(range); i++) /* ranges.h: each prefix once */
            if (n == 0 || prefix_compare(&range[n - 1].prefix, &range[i].prefix) != 0)
                range[n++] = range[i];
        for (size_t i = 0; i < N(asn); i++)
            asn[i] = (struct overlay_asn){random_prefix(), chance_below(6)};
        asn[0].asn = 4294967295U;
        for (size_t i = 0; i < N(inside); i++)
            inside[i] = random_prefix();
        struct ranges ranges = {.range = range, .n_ranges = n, .place = places};
        const struct overlay_sources from = {&ranges,  asn,    N(asn),   named,
                                             N(named), inside, N(inside)};
        struct overlay o;
        overlay_make(&from, &o);
        for (size_t i = 0; i < 200; i++) {
            struct addr a = random_address();
            check_address(&from, &o, &a);
        }
        overlay_release(&o);
    }
}

static struct prefix random_of(unsigned least, unsigned most)
{
    struct prefix p = {.addr.family = ADDR_V4,
                       .bits = (uint8_t)(least + chance_below(most - least + 1))};
    for (size_t i = 0; i < 4; i++)
        p.addr.bytes[i] = (uint8_t)chance_below(256);
    prefix_clear_host(&p);
    return p;
}

/* Ranges of all clouds, networks of a thousand routes, and all that is announced. What took time by
 * the square of that would not end before tests are given up. */
static void all_that_may_come_together_ends_and_is_right(void **state)
{
    (void)state;
    enum { RANGES = 30000, ASNS = 400000, INSIDE = 10000, NAMED = 1000 };
    struct ranges_range *range = calloc(RANGES, sizeof(*range));
    struct overlay_asn *asn = calloc(ASNS, sizeof(*asn));
    struct prefix *inside = calloc(INSIDE, sizeof(*inside));
    uint32_t named[NAMED];
    size_t n = 0;
    for (size_t i = 0; i < RANGES; i++)
        range[i] = (struct ranges_range){random_of(14, 28), chance_below(N(places))};
    qsort(range, RANGES, sizeof(range[0]), by_prefix);
    for (size_t i = 0; i < RANGES; i++)
        if (n == 0 || prefix_compare(&range[n - 1].prefix, &range[i].prefix) != 0)
            range[n++] = range[i];
    for (uint32_t i = 0; i < NAMED; i++)
        named[i] = i + 1;
    for (size_t i = 0; i < ASNS; i++)
        asn[i] = (struct overlay_asn){random_of(10, 24), chance_below(2 * NAMED)};
    for (size_t i = 0; i < INSIDE; i++)
        inside[i] = random_of(8, 32);
    struct ranges ranges = {.range = range, .n_ranges = n, .place = places};
    const struct overlay_sources from = {&ranges, asn, ASNS, named, NAMED, inside, INSIDE};
    struct overlay o;
    overlay_make(&from, &o);
    for (size_t i = 0; i < 50; i++) {
        struct addr a = random_of(32, 32).addr;
        check_address(&from, &o, &a);
    }
    overlay_release(&o);
    free(range);
    free(asn);
    free(inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_has_its_word_on_every_address),
        cmocka_unit_test(nothing_makes_nothing),
        cmocka_unit_test(whatever_the_sources_are_all_addresses_get_what_they_should),
        cmocka_unit_test(all_that_may_come_together_ends_and_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
