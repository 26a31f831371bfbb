/*
 * What the filter answers, and what it does about a host and a configuration that are not as they
 * should be.
 */
#include "site.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(key, value)                                                                          \
    {                                                                                              \
        STR(key), STR(value)                                                                       \
    }

static const struct host_answer *ask(const struct pairs_field *field, uint32_t n)
{
    uint32_t action;
    uint32_t context = host_request(field, n, &action);
    assert_int_equal(action, ABI_PAUSE);
    return host_answer(context);
}

static void test_answers_have_the_fields_of_archeios_own(void **state)
{
    (void)state;
    const struct pairs_field base[] = {FIELD(":method", "HEAD"), FIELD(":path", "/v2/")};
    const struct pairs_field tag[] = {FIELD(":path", "/v2/app/manifests/v1?x=y"),
                                      FIELD(":authority", "registry.test"),
                                      FIELD(":method", "GET")};
    const struct pairs_field post[] = {FIELD(":method", "POST"), FIELD(":path", "/v2/")};
    const struct pairs_field catalog[] = {FIELD(":method", "GET"), FIELD(":path", "/v2/_catalog")};
    site_start("");
    const struct host_answer *a = ask(base, 2);
    assert_int_equal(a->status, 200);
    assert_string_equal(a->fields, "docker-distribution-api-version: registry/2.0\n");
    assert_string_equal(a->details, "archeio_R5");
    a = ask(tag, 3);
    assert_int_equal(a->status, 307);
    assert_string_equal(a->fields, "location: " SITE_UPSTREAM "app/manifests/v1?x=y\n");
    a = ask(post, 2);
    assert_int_equal(a->status, 405);
    assert_string_equal(a->fields, "allow: GET, HEAD\n");
    a = ask(catalog, 2);
    assert_int_equal(a->status, 404);
    assert_string_equal(a->fields, "content-type: application/json\n");
    assert_true(strstr(a->body, "UNSUPPORTED") != NULL);
}

static void test_a_target_that_is_too_long_is_414(void **state)
{
    (void)state;
    static char path[8194];
    uint32_t action;
    memset(path, 'a', sizeof(path) - 1);
    memcpy(path, "/v2/", 4);
    site_start("");
    assert_int_equal(host_answer(site_get(path, &action))->status, 414);
    path[8192] = '\0';
    assert_int_equal(host_answer(site_get(path, &action))->status, 307);
}

static void test_the_client_is_the_peer_or_whom_the_header_names(void **state)
{
    (void)state;
    static const struct {
        const char *configuration, *peer, *forwarded;
        bool known;
    } row[] = {
        {"", "127.0.0.1:1", NULL, true},
        {"", "127.0.0.2:1", NULL, false},
        {"", "[::ffff:127.0.0.1]:9", NULL, true},
        {"", "127.0.0.2:1", "127.0.0.1, 192.0.2.1", false},
        {"", "@/socket", NULL, false},
        {"", NULL, NULL, false},
        {"client_address: google-lb", "192.0.2.1:1", "127.0.0.1, 192.0.2.1", true},
        {"client_address: google-lb", "127.0.0.1:1", NULL, true},
        {"client_address: google-lb", "127.0.0.1:1", "junk", false},
        {"client_address: trusted-proxies\ntrusted_proxies: 10.0.0.0/8", "10.0.0.1:1",
         "127.0.0.1, 10.2.2.2", true},
        {"client_address: trusted-proxies\ntrusted_proxies: 10.0.0.0/8", "192.0.2.1:1",
         "127.0.0.1, 10.2.2.2", false},
        {"client_address: x-real-ip", "127.0.0.1:1", NULL, true},
        {"client_address: x-real-ip", "192.0.2.1:1", "127.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/v2/app/blobs/%s", site_digest(1));
        const struct pairs_field field[] = {
            FIELD(":method", "GET"),
            {STR(":path"), str_from(path)},
            {STR("x-forwarded-for"), str_from(row[i].forwarded != NULL ? row[i].forwarded : "")}};
        uint32_t action;
        site_start(row[i].configuration);
        host.source = row[i].peer;
        host_request(field, row[i].forwarded != NULL ? 3 : 2, &action);
        /* Only who is known has stores that are asked. */
        if ((host.n_calls > 0) != row[i].known)
            fail_msg("row %zu: %s", i, row[i].known ? "not known" : "known");
    }
}

static void test_the_client_is_whom_the_first_x_real_ip_names(void **state)
{
    (void)state;
    const struct pairs_field field[] = {
        FIELD(":method", "GET"),
        FIELD(":path", "/v2/app/blobs/sha256:"
                       "0000000000000000000000000000000000000000000000000000000000000001"),
        FIELD("x-real-ip", "127.0.0.1"), FIELD("x-real-ip", "192.0.2.1"),
        FIELD("x-forwarded-for", "192.0.2.1, 192.0.2.2")};
    uint32_t action;
    site_start("client_address: x-real-ip");
    host.source = "192.0.2.1:1";
    host_request(field, N(field), &action);
    assert_int_equal(host.n_calls, 1);
}

static void test_fields_that_are_cut_anywhere_do_no_harm(void **state)
{
    (void)state;
    const struct pairs_field field[] = {FIELD(":method", "GET"), FIELD(":path", "/v2/"),
                                        FIELD("x-forwarded-for", "192.0.2.1")};
    host_reset();
    struct str whole = pairs_write(field, 3), key, value;
    for (size_t len = 0; len <= whole.len; len++) {
        char *cut = malloc(len + 1); /* of exactly that size, but for malloc(0) */
        memcpy(cut + 1, whole.data, len);
        struct pairs pairs = pairs_read(str_make(cut + 1, len));
        unsigned n = 0;
        while (pairs_next(&pairs, &key, &value))
            n++;
        assert_true(n <= 3 && (n == 3) == (len == whole.len));
        free(cut);
    }
}

static void test_numbers_of_fields_that_lie_do_no_harm(void **state)
{
    (void)state;
    static const char lie[] = "\xff\xff\xff\xff\x01\0\0\0\x01\0\0\0a\0b\0";
    static const char longer[] = "\x01\0\0\0\xff\xff\xff\xff\x01\0\0\0a\0b\0";
    struct str key, value;
    struct pairs pairs = pairs_read(str_make(lie, sizeof(lie) - 1));
    assert_false(pairs_next(&pairs, &key, &value));
    pairs = pairs_read(str_make(longer, sizeof(longer) - 1));
    assert_false(pairs_next(&pairs, &key, &value));
}

static void test_without_a_sound_snapshot_requests_pass_and_are_counted(void **state)
{
    (void)state;
    uint32_t action;
    struct str sound = site_image;
    char *damaged = malloc(sound.len);
    memcpy(damaged, sound.data, sound.len);
    damaged[sound.len / 2] ^= 1;
    site_image = str_make(damaged, sound.len);
    site_start("");
    site_get("/v2/", &action);
    assert_int_equal(action, ABI_CONTINUE);
    assert_int_equal(host_counter("archeio_requests_passed"), 1);
    assert_int_equal(host_counter("archeio_snapshot_refused"), 1);
    assert_string_equal(host.log, "snapshot: corrupt: the checksum does not match; all requests go "
                                  "to the route");
    site_image = STR("");
    site_start("");
    site_get("/v2/", &action);
    assert_int_equal(action, ABI_CONTINUE);
    site_image = sound;
    free(damaged);
}

static void test_a_request_of_no_configuration_passes(void **state)
{
    (void)state;
    uint32_t action;
    host_reset();
    site_get("/v2/", &action);
    assert_int_equal(action, ABI_CONTINUE);
}

static void test_a_snapshot_as_configuration_is_one_with_all_defaults(void **state)
{
    (void)state;
    uint32_t action;
    struct str sound = site_image;
    site_image = STR("");
    host_reset();
    assert_true(host_configure(sound.data, sound.len));
    assert_int_equal(host_answer(site_get("/v2/", &action))->status, 200);
    site_image = sound;
}

/* Snapshots in the configuration are copied; what one leaves, the next gets. */
static void test_configurations_that_come_and_go_take_bounded_memory(void **state)
{
    (void)state;
    size_t after_two = 0;
    host_reset();
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(host_configure(site_image.data, site_image.len));
        if (i == 1)
            after_two = host.memory;
        if (i % 3 != 0) /* or it is configured anew while it lives */
            proxy_on_delete(HOST_ROOT);
    }
    assert_int_equal(host.memory, after_two);
}

static void test_a_wrong_line_is_refused_and_named(void **state)
{
    (void)state;
    host_reset();
    assert_false(host_configure(STR("wait: 1s\nslots: many").data, 21));
    assert_string_equal(host.log, "configuration:2: expected an integer from 4 to 1048576");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_have_the_fields_of_archeios_own),
        cmocka_unit_test(test_a_target_that_is_too_long_is_414),
        cmocka_unit_test(test_the_client_is_the_peer_or_whom_the_header_names),
        cmocka_unit_test(test_the_client_is_whom_the_first_x_real_ip_names),
        cmocka_unit_test(test_fields_that_are_cut_anywhere_do_no_harm),
        cmocka_unit_test(test_numbers_of_fields_that_lie_do_no_harm),
        cmocka_unit_test(test_without_a_sound_snapshot_requests_pass_and_are_counted),
        cmocka_unit_test(test_a_request_of_no_configuration_passes),
        cmocka_unit_test(test_a_snapshot_as_configuration_is_one_with_all_defaults),
        cmocka_unit_test(test_configurations_that_come_and_go_take_bounded_memory),
        cmocka_unit_test(test_a_wrong_line_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, site_build, site_free);
}
