#include "ranges/routing.h"

#include "config/config.h"
#include "oci/path.h"
#include <archeio/decide.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char site[] = "upstream: {endpoint: https://registry.example, path: images}\n"
                           "upstreams:\n"
                           "  - {name: other, endpoint: https://other.example, path: mirror/a}\n"
                           "  - {name: third, endpoint: https://third.example}\n"
                           "stores:\n"
                           "  - {name: near, url: https://near.example, serves: [aws]}\n"
                           "  - {name: far, url: https://far.example, serves: [default]}\n"
                           "providers:\n"
                           "  amazon: [aws, as16509, as14618]\n"
                           "  others: [as64500, as4294967295, gcp]\n"
                           "routes:\n"
                           "  - name: all\n"
                           "    when:\n"
                           "      cloud: [aws, gcp]\n"
                           "      region: aws/eu-west-3\n"
                           "      provider: [others, amazon]\n"
                           "      asn: [as64511, as16509]\n"
                           "      network: [10.0.0.0/8, 2001:db8::/32]\n"
                           "      host: dl.example\n"
                           "      path: [/a/**]\n"
                           "      repository: [team/*, e2e/**]\n"
                           "      kind: [blob, manifest]\n"
                           "      method: HEAD\n"
                           "      header: {x-canary: [\"yes\", \"v2*\"]}\n"
                           "      share: 5%\n"
                           "    to: [far, near, stores, other, upstream]\n"
                           "    strip: /a\n"
                           "  - name: url\n"
                           "    when: {network: [10.0.0.0/8]}\n"
                           "    to: {url: \"https://elsewhere.example/base\", status: 302}\n"
                           "  - name: fixed\n"
                           "    when: {asn: as64500}\n"
                           "    to: {status: 404, body: gone}\n";

static struct config *parse(const char *text)
{
    static char *const none[] = {NULL};
    struct diag d = {0};
    struct config *c = config_parse("site.yaml", text, strlen(text), none, &d);
    if (c == NULL)
        fail_msg("%u: %s", d.message[0].line, d.message[0].text);
    diag_clear(&d);
    return c;
}

static struct config *config;

static int make(void **state)
{
    static struct routing routing;
    config = parse(site);
    routing_make(config, &routing);
    *state = &routing;
    return 0;
}

static int unmake(void **state)
{
    routing_release(*state);
    config_free(config);
    return 0;
}

static void assert_text(struct str text, const char *expected)
{
    if (!str_eq(text, str_from(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)text.len, text.data, expected);
}

static void upstreams_stand_behind_that_of_upstream(void **state)
{
    const struct routing *r = *state;
    assert_int_equal(r->n_upstreams, 3);
    assert_text(r->upstreams[0].name, "upstream");
    assert_text(r->upstreams[0].endpoint, "https://registry.example");
    assert_text(r->upstreams[0].path, "images");
    assert_text(r->upstreams[1].name, "other");
    assert_text(r->upstreams[1].path, "mirror/a");
    assert_text(r->upstreams[2].name, "third");
    assert_text(r->upstreams[2].path, "");
}

static void providers_are_clouds_and_numbers(void **state)
{
    const struct routing *r = *state;
    assert_int_equal(r->n_providers, 2);
    assert_int_equal(r->providers[0].n_clouds, 1);
    assert_text(r->providers[0].clouds[0], "aws");
    assert_int_equal(r->providers[0].n_asns, 2);
    assert_int_equal(r->providers[1].n_asns, 2);
    assert_int_equal(r->providers[1].asns[1], 4294967295U);
}

static void all_numbers_that_are_named_stand_in_order_and_once(void **state)
{
    const struct routing *r = *state;
    static const uint32_t expected[] = {14618, 16509, 64500, 64511, 4294967295U};
    assert_int_equal(r->n_asns, 5);
    assert_memory_equal(r->asns, expected, sizeof(expected));
}

static void all_prefixes_that_routes_name_are_listed(void **state)
{
    const struct routing *r = *state;
    char text[PREFIX_TEXT_MAX];
    assert_int_equal(r->n_inside, 3);
    prefix_format(&r->inside[1], text);
    assert_string_equal(text, "2001:db8::/32");
    assert_int_equal(prefix_compare(&r->inside[0], &r->inside[2]), 0);
}

static void every_condition_of_a_route_is_there(void **state)
{
    const struct policy_route *route = &((const struct routing *)*state)->routes[0];
    assert_text(route->name, "all");
    assert_int_equal(route->clouds.n, 2);
    assert_text(route->clouds.text[1], "gcp");
    assert_text(route->regions.text[0], "aws/eu-west-3");
    assert_int_equal(route->n_providers, 2);
    assert_int_equal(route->providers[0], 1);
    assert_int_equal(route->providers[1], 0);
    assert_int_equal(route->n_asns, 2);
    assert_int_equal(route->asns[0], 64511);
    assert_int_equal(route->n_prefixes, 2);
    assert_text(route->hosts.text[0], "dl.example");
    assert_text(route->paths.text[0], "/a/**");
    assert_int_equal(route->repositories.n, 2);
    assert_int_equal(route->kinds, 1U << PATH_BLOB | 1U << PATH_MANIFEST);
    assert_int_equal(route->methods, 1U << DECIDE_HEAD);
    assert_true(route->strips);
    assert_text(route->strip, "/a");
    assert_true(route->share == POLICY_ALL / 20);
    assert_int_equal(route->n_fields, 1);
    assert_text(route->fields[0].name, "x-canary");
    assert_int_equal(route->fields[0].n_values, 2);
    assert_text(route->fields[0].values[0].text, "yes");
    assert_false(route->fields[0].values[0].longer);
    assert_text(route->fields[0].values[1].text, "v2");
    assert_true(route->fields[0].values[1].longer);
}

static void targets_are_told_apart_by_what_their_names_are_of(void **state)
{
    const struct routing *r = *state;
    static const struct {
        enum snapshot_target_kind kind;
        uint32_t index;
    } rows[] = {{SNAPSHOT_TARGET_STORE, 1},
                {SNAPSHOT_TARGET_STORE, 0},
                {SNAPSHOT_TARGET_STORES, 0},
                {SNAPSHOT_TARGET_UPSTREAM, 1},
                {SNAPSHOT_TARGET_UPSTREAM, 0}};
    assert_int_equal(r->routes[0].n_targets, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(r->routes[0].targets[i].kind, rows[i].kind);
        assert_int_equal(r->routes[0].targets[i].index, rows[i].index);
    }
    assert_int_equal(r->routes[1].targets[0].kind, SNAPSHOT_TARGET_URL);
    assert_int_equal(r->routes[1].targets[0].status, 302);
    assert_text(r->routes[1].targets[0].text, "https://elsewhere.example/base");
    assert_int_equal(r->routes[2].targets[0].kind, SNAPSHOT_TARGET_ANSWER);
    assert_int_equal(r->routes[2].targets[0].status, 404);
    assert_text(r->routes[2].targets[0].text, "gone");
}

static void conditions_that_are_not_given_always_hold(void **state)
{
    const struct policy_route *route = &((const struct routing *)*state)->routes[1];
    assert_true(route->clouds.n + route->regions.n + route->hosts.n + route->paths.n == 0);
    assert_true(route->repositories.n + route->n_providers + route->n_asns + route->n_fields == 0);
    assert_int_equal(route->kinds, 0);
    assert_int_equal(route->methods, 0);
    assert_true(route->share == POLICY_ALL);
    assert_false(route->strips);
}

static void without_routes_there_is_nothing_to_tell_apart(void **state)
{
    (void)state;
    struct config *c = parse("upstream: {endpoint: https://registry.example}\n"
                             "providers: {amazon: [aws, as16509]}\n");
    struct routing r;
    routing_make(c, &r);
    assert_int_equal(r.n_routes + r.n_asns + r.n_inside + r.n_upstreams + r.n_providers, 0);
    routing_release(&r);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upstreams_stand_behind_that_of_upstream),
        cmocka_unit_test(providers_are_clouds_and_numbers),
        cmocka_unit_test(all_numbers_that_are_named_stand_in_order_and_once),
        cmocka_unit_test(all_prefixes_that_routes_name_are_listed),
        cmocka_unit_test(every_condition_of_a_route_is_there),
        cmocka_unit_test(targets_are_told_apart_by_what_their_names_are_of),
        cmocka_unit_test(conditions_that_are_not_given_always_hold),
        cmocka_unit_test(without_routes_there_is_nothing_to_tell_apart),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
