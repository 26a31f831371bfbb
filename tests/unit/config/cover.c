/* Which routes leave nothing to which: a warning where it is sure, and none where it is not. */
#include "config/cover.h"

#include "configs.h"

#define HEAD                                                                                       \
    "upstream: {endpoint: 'https://r.example'}\n"                                                  \
    "providers:\n"                                                                                 \
    "  amazon: [aws, as16509, as14618]\n"                                                          \
    "  cloudy: [aws, gcp]\n"                                                                       \
    "  small: [as16509]\n"                                                                         \
    "routes:\n"

/* Two routes, the first with the conditions `outer`, the second with `inner`. */
static char *said_of(const char *head, const char *outer, const char *inner)
{
    struct diag d = {0};
    char text[2048];
    snprintf(text, sizeof(text),
             "%s- {name: one, to: upstream, when: {%s}}\n- {name: two, to: upstream, when: {%s}}\n",
             head, outer, inner);
    struct config *c = configs_parse(text, configs_no_environment, &d);
    char *said = said_by(&d);
    if (c == NULL)
        fail_msg("%s\nrefused: %s", text, said);
    config_free(c);
    diag_clear(&d);
    return said;
}

static void a_route_that_is_never_taken_is_told_with_its_place_and_the_other(void **state)
{
    (void)state;
    char *said = said_of(HEAD, "cloud: aws", "cloud: aws, host: a.example");
    assert_string_equal(said,
                        "f:8:3: warning: routes: route two is never taken: route one in line 7 "
                        "takes all that it would\n");
    free(said);
}

static void what_takes_all_that_another_would_is_known(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"", "cloud: aws"},
        {"share: 100%", "host: a"},
        {"cloud: [aws, gcp]", "cloud: gcp"},
        {"cloud: aws", "region: aws/eu-west-3"},
        {"cloud: [aws, gcp]", "region: [aws/a, gcp/b]"},
        {"cloud: [aws, gcp]", "provider: cloudy"},
        {"region: [a, b]", "region: [b]"},
        {"region: eu-west-3", "region: aws/eu-west-3"},
        {"region: aws/eu-west-3", "region: aws/eu-west-3, cloud: aws"},
        {"provider: amazon", "provider: amazon"},
        {"provider: [amazon, cloudy]", "provider: cloudy"},
        {"provider: amazon", "provider: small"},
        {"provider: amazon", "cloud: aws"},
        {"provider: amazon", "region: aws/x"},
        {"provider: cloudy", "cloud: [aws, gcp], asn: as1"},
        {"provider: [cloudy, small]", "provider: [cloudy, small]"},
        {"asn: [as16509, as1]", "asn: 1"},
        {"asn: [as16509]", "provider: small"},
        {"network: 10.0.0.0/8", "network: [10.1.0.0/16, 10.2.3.4]"},
        {"network: [10.0.0.0/8, '2001:db8::/32']", "network: ['2001:db8:1::/48', 10.0.0.0/8]"},
        {"network: 0.0.0.0/0", "network: 192.0.2.0/24, cloud: aws"},
        {"host: [a, b]", "host: B"},
        {"path: '/**'", ""},
        {"path: '/**'", "host: a"},
        {"path: '/release/**'", "path: /release/x"},
        {"path: '/release/**'", "path: ['/release/*/y', /release/]"},
        {"path: ['/a/**', '/b/**']", "path: ['/b/c', '/a/*']"},
        {"path: '/v2/**'", "repository: team/app"},
        {"path: '/v2/**'", "kind: blob"},
        {"path: '/v2/team/**'", "repository: 'team/*'"},
        {"path: '/v2/team/**'", "repository: [team, 'team/**']"},
        {"repository: 'team/**'", "repository: team/app"},
        {"repository: 'team/**'", "repository: ['team/*', 'team/a/**']"},
        {"repository: '**'", "repository: a"},
        {"repository: '**'", "kind: [manifest, blob]"},
        {"kind: [manifest, blob]", "kind: blob"},
        {"kind: [manifest, blob, tags, referrers, signature]", "repository: a"},
        {"kind: [manifest, blob, tags, referrers, signature, other]", ""},
        {"method: [GET, HEAD]", ""},
        {"method: GET", "method: GET, repository: a"},
        {"header: {x: a}", "header: {X: a, y: b}"},
        {"header: {x: [a, b]}", "header: {x: b}"},
        {"header: {x: 'red-*'}", "header: {x: [red-1, 'red-2*']}"},
        {"header: {x: 'a*'}", "header: {x: 'a*b*'}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *said = said_of(HEAD, rows[i][0], rows[i][1]);
        if (strstr(said, "route two is never taken: route one") == NULL)
            fail_msg("{%s} before {%s}: %s", rows[i][0], rows[i][1], said);
        free(said);
    }
}

static void what_leaves_something_is_not_warned_of(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"share: 99.99%", ""},
        {"share: 50%", "share: 50%"},
        {"cloud: aws", ""},
        {"cloud: aws", "cloud: [aws, gcp]"},
        {"cloud: aws", "region: eu-west-3"},
        {"cloud: aws", "region: [aws/a, gcp/a]"},
        {"cloud: aws", "provider: amazon"}, /* and who is in its autonomous systems only */
        {"cloud: aws", "provider: cloudy"},
        {"region: aws/a", "cloud: aws"},
        {"region: aws/a", "region: a"},
        {"region: a", "region: aws/b"},
        {"provider: small", "provider: amazon"},
        {"provider: small", "cloud: aws"},
        {"provider: small", "asn: as16509"}, /* those in no provider's cloud only */
        {"provider: amazon", "cloud: [aws, gcp]"},
        {"provider: amazon", "region: x"},
        {"provider: amazon", ""},
        {"asn: as1", "asn: [as1, as2]"},
        {"asn: as16509", "provider: amazon"},
        {"asn: as1", ""},
        {"network: 10.0.0.0/16", "network: 10.0.0.0/8"},
        {"network: 10.0.0.0/8", "network: [10.1.0.0/16, 192.0.2.1]"},
        {"network: 0.0.0.0/0", "network: '::/0'"},
        {"network: ['0.0.0.0/0', '::/0']", ""}, /* whose address is unknown */
        {"host: a", ""},
        {"host: a", "host: [a, b]"},
        {"path: '/*'", ""},
        {"path: '/v2/**'", ""},
        {"path: '/v2/**'", "kind: [blob, other]"},
        {"path: '/v2/team/**'", "repository: '**'"},
        {"path: '/release/*'", "path: '/release/**'"},
        {"repository: 'team/*'", "repository: 'team/**'"},
        {"repository: '**'", ""},
        {"repository: '**'", "path: '/v2/**'"},
        {"repository: 'a/**'", "path: '/v2/a/**'"},
        {"kind: blob", ""},
        {"kind: [manifest, blob, tags, referrers, signature]", ""},
        {"method: GET", ""},
        {"header: {x: a}", ""},
        {"header: {x: a}", "header: {y: a}"},
        {"header: {x: a}", "header: {x: 'a*'}"},
        {"header: {x: 'a*b'}", "header: {x: axb}"}, /* only at its end, */
        {"header: {x: 'a?c'}", "header: {x: abc}"}, /* and nothing but a star, is more */
        {"header: {x: a, y: b}", "header: {x: a}"},
        {"host: a, cloud: aws", "host: a"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *said = said_of(HEAD, rows[i][0], rows[i][1]);
        if (said[0] != '\0')
            fail_msg("{%s} before {%s}: %s", rows[i][0], rows[i][1], said);
        free(said);
    }
}

static void an_autonomous_system_is_its_providers_where_none_has_clouds(void **state)
{
    (void)state;
    static const char head[] = "upstream: {endpoint: 'https://r.example'}\n"
                               "providers: {a: [as1, as2], b: [as3]}\nroutes:\n";
    char *said = said_of(head, "provider: [a, b]", "asn: [as1, as3]");
    assert_non_null(strstr(said, "route two is never taken"));
    free(said);
    said = said_of(head, "provider: a", "asn: [as1, as3]");
    assert_string_equal(said, "");
    free(said);
}

static void conditions_that_no_request_meets_are_told(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"repository: a, kind: other", "repository and kind"},
        {"repository: a, path: '/release/**'", "path and repository"},
        {"repository: a, path: [/v2, '/a*', '/v1/**']", "path and repository"},
        {"kind: [blob, tags], path: '/release/**'", "path and kind"},
        {"cloud: aws, region: [gcp/a, azure/b]", "cloud and region"},
        {"repository: a, kind: [other, blob]", NULL},
        {"repository: a, path: ['/release/**', '/v2/a/**']", NULL},
        {"repository: a, path: '/**'", NULL},
        {"repository: a, path: '/*/a/**'", NULL},
        {"repository: a, path: '/v**'", NULL},
        {"kind: [blob, other], path: '/release/**'", NULL},
        {"kind: other, path: '/v2/**'", NULL},
        {"cloud: aws, region: [gcp/a, aws/b]", NULL},
        {"cloud: aws, region: a", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[256] = "";
        if (rows[i][1] != NULL)
            snprintf(expected, sizeof(expected),
                     "f:8:3: warning: routes: route two is never taken: no request meets its "
                     "conditions on %s\n",
                     rows[i][1]);
        char *said = said_of(HEAD, "host: elsewhere", rows[i][0]);
        assert_string_equal(said, expected);
        free(said);
    }
}

static void check_effort(char *text)
{
    struct diag d = {0};
    struct config *c = configs_parse(text, configs_no_environment, &d);
    assert_non_null(c);
    size_t effort = COVER_EFFORT / 100; /* all of it has just been spent on the whole */
    while (cover_when(c, &c->routes[0].when, &c->routes[0].when, &effort))
        ;
    assert_int_equal(effort, 0);
    config_free(c);
    diag_clear(&d);
    free(text);
}

/* With every route on a line of its own, each would be compared with all before it. */
static void many_routes_take_no_more_than_their_time(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    fputs("upstream: {endpoint: 'https://r.example'}\nroutes:\n", to);
    for (int i = 0; i < 4096; i++) {
        fprintf(to, "- {name: r%d, to: upstream, when: {path: [", i);
        for (int j = 0; j < 20; j++)
            fprintf(to, "'/%d/*/a*%d/**', ", j, i);
        fprintf(to, "]}}\n");
    }
    fclose(to);
    check_effort(text);
}

/* A '**' that is tried at each byte of the other, and takes hundreds of bytes to fail. */
static void long_patterns_count_by_their_length(void **state)
{
    (void)state;
    enum { N = 1000, MANY = 400, FEW = 800 };
    char *text = NULL, many[MANY + 1], few[FEW + 1];
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    memset(many, 'a', MANY);
    memset(few, 'a', FEW);
    many[MANY] = few[FEW] = '\0';
    fputs("upstream: {endpoint: 'https://r.example'}\nroutes:\n", to);
    for (int i = 0; i < N; i++)
        fprintf(to, "- {name: r%d, to: upstream, when: {path: '/%s%s%d'}}\n", i,
                i % 2 == 0 ? "**" : "", i % 2 == 0 ? many : few, i);
    fclose(to);
    check_effort(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_that_is_never_taken_is_told_with_its_place_and_the_other),
        cmocka_unit_test(what_takes_all_that_another_would_is_known),
        cmocka_unit_test(what_leaves_something_is_not_warned_of),
        cmocka_unit_test(long_patterns_count_by_their_length),
        cmocka_unit_test(an_autonomous_system_is_its_providers_where_none_has_clouds),
        cmocka_unit_test(conditions_that_no_request_meets_are_told),
        cmocka_unit_test(many_routes_take_no_more_than_their_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
