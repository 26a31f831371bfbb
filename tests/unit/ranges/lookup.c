/* A table of its own for ranges, or for a list of prefixes. */
#include "ranges/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint32_t find(const struct lookup *l, const char *address)
{
    struct addr a;
    assert_true(addr_parse(str_from(address), &a));
    return lpm_lookup(&l->table, &a);
}

static void the_table_of_ranges_leads_to_their_places(void **state)
{
    (void)state;
    static const char text[] = "10.0.0.0/8 office\n10.1.0.0/16 office here\n2001:db8::/32 lab\n";
    struct diag d = {0};
    struct lookup l;
    struct ranges *r = ranges_parse("own.txt", text, strlen(text), &d);
    assert_non_null(r);
    assert_true(lookup_build_ranges(&l, r));
    assert_true(str_eq(r->place[find(&l, "10.2.0.1")].cloud, STR("office")));
    assert_true(str_eq(r->place[find(&l, "10.1.0.1")].region, STR("here")));
    assert_true(str_eq(r->place[find(&l, "2001:db8::1")].cloud, STR("lab")));
    assert_int_equal(find(&l, "192.0.2.1"), LPM_NONE);
    lookup_release(&l);
    ranges_free(r);
}

static void no_prefixes_make_a_table_that_finds_nothing(void **state)
{
    (void)state;
    struct lookup l;
    assert_true(lookup_build(&l, NULL, 0));
    assert_int_equal(find(&l, "10.0.0.1"), LPM_NONE);
    lookup_release(&l);
    lookup_release(&l);
}

static void what_is_unfit_is_refused_and_leaves_nothing_to_release(void **state)
{
    (void)state;
    struct lpm_entry entry = {.value = 0};
    struct lookup l;
    assert_int_equal(prefix_parse(STR("10.0.0.1/8"), &entry.prefix), PREFIX_HOST_BITS);
    entry.prefix.addr.bytes[3] = 1;
    assert_false(lookup_build(&l, &entry, 1));
    assert_null(l.image);
    assert_false(lookup_build(&l, &entry, LPM_PREFIXES_MAX + 1));
    assert_null(l.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_ranges_leads_to_their_places),
        cmocka_unit_test(no_prefixes_make_a_table_that_finds_nothing),
        cmocka_unit_test(what_is_unfit_is_refused_and_leaves_nothing_to_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
