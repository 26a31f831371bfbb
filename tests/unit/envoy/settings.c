/*
 * The filter's configuration.
 */
#include "site.h"

#include "base64.h"
#include "settings.h"

static bool read_settings(const char *text, struct settings *s, char why[SETTINGS_WHY_MAX])
{
    memory_reset();
    return settings_read(str_from(text), s, why);
}

static void test_without_a_line_everything_has_its_default(void **state)
{
    (void)state;
    static const char *const nothing[] = {"", "\n\n", "# a comment\n", "  \t\r\n# x"};
    struct settings s;
    char why[SETTINGS_WHY_MAX];
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        assert_true(read_settings(nothing[i], &s, why));
        assert_int_equal(s.client, CLIENT_PEER);
        assert_int_equal(s.present_ttl, 6 * 3600 * HOST_S);
        assert_int_equal(s.absent_ttl, 60 * HOST_S);
        assert_int_equal(s.error_ttl, 5 * HOST_S);
        assert_int_equal(s.wait, 2 * HOST_S);
        assert_int_equal(s.timeout, 5 * HOST_S);
        assert_int_equal(s.slots, 16384);
        assert_int_equal(s.n_proxies, 0);
        check_str(s.clusters, "archeio_");
        check_str(s.snapshot, "");
    }
}

static void test_every_setting_is_read(void **state)
{
    (void)state;
    struct settings s;
    char why[SETTINGS_WHY_MAX];
    assert_true(read_settings("client_address: trusted-proxies\r\n"
                              "trusted_proxies:   10.0.0.0/8  2001:db8::/32 192.0.2.1 \n"
                              "clusters: store-\n  present_ttl: 1d\nabsent_ttl: 2m\n"
                              "error_ttl: 3ms\nwait: 0s\ntimeout:1s\nslots: 1048576\n"
                              "snapshot: YXJjaGVpbwo=",
                              &s, why));
    assert_int_equal(s.client, CLIENT_TRUSTED_PROXIES);
    assert_int_equal(s.n_proxies, 3);
    assert_int_equal(s.proxy[1].prefix.bits, 32);
    check_str(s.clusters, "store-");
    assert_int_equal(s.present_ttl, 86400 * HOST_S);
    assert_int_equal(s.absent_ttl, 120 * HOST_S);
    assert_int_equal(s.error_ttl, 3000000);
    assert_int_equal(s.wait, 0);
    assert_int_equal(s.timeout, HOST_S);
    assert_int_equal(s.slots, 1048576);
    check_str(s.snapshot, "archeio\n");
}

static void test_what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } row[] = {
        {"wait", "configuration:1: expected a setting, a colon and a value"},
        {"\n\nWait: 1s", "configuration:3: expected client_address, trusted_proxies, clusters, "
                         "present_ttl, absent_ttl, error_ttl, wait, timeout, slots or snapshot"},
        {"{\"wait\": \"1s\"}", "configuration:1: expected client_address, trusted_proxies, "
                               "clusters, present_ttl, absent_ttl, error_ttl, wait, timeout, slots "
                               "or snapshot"},
        {"wait: 61s", "configuration:1: expected a duration: an integer and ms, s, m, h or d, at "
                      "most 60s"},
        {"wait: s",
         "configuration:1: expected a duration: an integer and ms, s, m, h or d, at most "
         "60s"},
        {"wait: 1",
         "configuration:1: expected a duration: an integer and ms, s, m, h or d, at most "
         "60s"},
        {"timeout: 0s",
         "configuration:1: expected a duration: an integer and ms, s, m, h or d, 1ms "
         "to 60s"},
        {"present_ttl: 99999999999999999999d",
         "configuration:1: expected a duration: an integer and ms, s, m, h or d"},
        {"absent_ttl: 1000000d",
         "configuration:1: expected a duration: an integer and ms, s, m, h or d"},
        {"present_ttl: 366d", "configuration:1: expected a duration: an integer and ms, s, m, h or "
                              "d"},
        {"slots: 3", "configuration:1: expected an integer from 4 to 1048576"},
        {"client_address: proxy", "configuration:1: expected peer, google-lb, trusted-proxies or "
                                  "x-real-ip"},
        {"trusted_proxies: 10.1.0.0/8",
         "configuration:1: expected prefixes without host bits, with blanks between them: "
         "10.0.0.0/8 2001:db8::/32"},
        {"snapshot: YXJj.", "configuration:1: expected what `base64 -w 0` makes of a snapshot's "
                            "file"},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct settings s;
        char why[SETTINGS_WHY_MAX] = "";
        assert_false(read_settings(row[i].text, &s, why));
        assert_string_equal(why, row[i].why);
    }
}

static void test_more_prefixes_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    static char text[8192];
    struct settings s;
    char why[SETTINGS_WHY_MAX];
    size_t len = (size_t)snprintf(text, sizeof(text), "trusted_proxies:");
    for (unsigned i = 0; i < 256; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " 10.0.%u.0/24", i);
    assert_true(read_settings(text, &s, why));
    assert_int_equal(s.n_proxies, 256);
    snprintf(text + len, sizeof(text) - len, " 10.1.0.0/24");
    assert_false(read_settings(text, &s, why));
    assert_string_equal(why, "configuration:1: expected at most 256 prefixes");
}

static void test_base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } row[] = {{"", ""},
               {"Zg==", "f"},
               {"Zm8=", "fo"},
               {"Zm9v", "foo"},
               {"Zm9vYg==", "foob"},
               {"Zm9vYmE=", "fooba"},
               {"Zm9vYmFy", "foobar"},
               {"+/+/", "\373\377\277"}};
    static const char *const wrong[] = {
        "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "Zm=v", "Zm-_", "Z g="};
    char out[64];
    size_t len;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        assert_true(base64_decode(str_from(row[i].text), out, &len));
        check_str(str_make(out, len), row[i].bytes);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (base64_decode(str_from(wrong[i]), out, &len))
            fail_msg("taken: %s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_line_everything_has_its_default),
        cmocka_unit_test(test_every_setting_is_read),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(test_more_prefixes_than_there_is_room_for_are_refused),
        cmocka_unit_test(test_base64_is_that_of_rfc_4648),
    };
    return cmocka_run_group_tests(tests, site_build, site_free);
}
