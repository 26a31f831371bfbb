#include "client/guard.h"

#include "check.h"

static void expect(const char *text, enum guard_class want)
{
    struct addr a = check_addr(text);
    if (guard_classify(&a) != want)
        fail_msg("%s is of class %d, want %d", text, (int)guard_classify(&a), (int)want);
}

static void classes_end_where_the_registries_say(void **state)
{
    (void)state;
    static const struct {
        const char *first, *last, *after;
        enum guard_class class;
    } row[] = {
        {"0.0.0.0", "0.255.255.255", "1.0.0.0", GUARD_NEVER},
        {"10.0.0.0", "10.255.255.255", "11.0.0.0", GUARD_PRIVATE},
        {"100.64.0.0", "100.127.255.255", "100.128.0.0", GUARD_PRIVATE},
        {"127.0.0.0", "127.255.255.255", "128.0.0.0", GUARD_LOOPBACK},
        {"169.254.0.0", "169.254.255.255", "169.255.0.0", GUARD_NEVER},
        {"172.16.0.0", "172.31.255.255", "172.32.0.0", GUARD_PRIVATE},
        {"192.168.0.0", "192.168.255.255", "192.169.0.0", GUARD_PRIVATE},
        {"198.18.0.0", "198.19.255.255", "198.20.0.0", GUARD_NEVER},
        {"224.0.0.0", "255.255.255.255", "223.255.255.255", GUARD_NEVER},
        {"::1", "::1", "2001:db8::1", GUARD_LOOPBACK},
        {"::", "::", "2600::", GUARD_NEVER},
        {"fc00::", "fdff:ffff::1", "2600::", GUARD_PRIVATE},
        {"fe80::", "febf::1", "2a00::", GUARD_NEVER},
        {"fec0::", "feff::1", "2a00::", GUARD_NEVER},
        {"ff00::", "ffff::1", "2a00::", GUARD_NEVER},
        {"64:ff9b:1::", "64:ff9b:1:ffff::1", "64:ff9b:2::", GUARD_NEVER},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
        expect(row[i].first, row[i].class);
        expect(row[i].last, row[i].class);
        expect(row[i].after, GUARD_PUBLIC);
    }
}

static void an_ipv4_address_inside_an_ipv6_address_counts(void **state)
{
    (void)state;
    expect("::ffff:127.0.0.1", GUARD_LOOPBACK);
    expect("::ffff:169.254.169.254", GUARD_NEVER);
    expect("::ffff:192.0.2.1", GUARD_PUBLIC);
    expect("64:ff9b::10.0.0.1", GUARD_PRIVATE);
    expect("64:ff9b::8.8.8.8", GUARD_PUBLIC);
    expect("::10.0.0.1", GUARD_NEVER);
}

static void no_address_is_never_allowed(void **state)
{
    (void)state;
    const struct addr none = {.family = ADDR_NONE};
    assert_int_equal(guard_classify(&none), GUARD_NEVER);
    assert_false(guard_allows(GUARD_NEVER, &none));
}

static void redirects_stay_in_the_class_that_was_configured(void **state)
{
    (void)state;
    const struct addr public = check_addr("8.8.8.8"), private = check_addr("10.1.2.3");
    const struct addr loopback = check_addr("::1"), metadata = check_addr("169.254.169.254");
    for (int origin = GUARD_PUBLIC; origin <= GUARD_NEVER; origin++) {
        assert_true(guard_allows((enum guard_class)origin, &public));
        assert_int_equal(guard_allows((enum guard_class)origin, &private), origin == GUARD_PRIVATE);
        assert_int_equal(guard_allows((enum guard_class)origin, &loopback),
                         origin == GUARD_LOOPBACK);
        assert_false(guard_allows((enum guard_class)origin, &metadata));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_end_where_the_registries_say),
        cmocka_unit_test(an_ipv4_address_inside_an_ipv6_address_counts),
        cmocka_unit_test(no_address_is_never_allowed),
        cmocka_unit_test(redirects_stay_in_the_class_that_was_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
