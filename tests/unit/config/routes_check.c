/* Routes beside the rest of the configuration: what is refused, and what is warned of. */
#include "config/routes_check.h"

#include "config/check.h"

#include "configs.h"

#define OWN "upstream: {endpoint: 'https://r.example'}\n"
#define STORES                                                                                     \
    "stores:\n"                                                                                    \
    "- {name: paris, url: 'https://paris.example', serves: [default]}\n"                           \
    "- {name: spare, url: 'https://spare.example', serves: [aws]}\n"
#define UPSTREAMS "upstreams: [{name: mirror, endpoint: 'https://mirror.example'}]\n"
#define ROUTES OWN STORES UPSTREAMS "routes:\n"

/* What is said of a text that is taken (free() it). */
static char *warnings(const char *text, bool advise)
{
    struct diag d = {0};
    struct config *c = configs_parse(text, configs_no_environment, &d);
    if (c != NULL && advise)
        check_advise(c, &d);
    char *said = said_by(&d);
    if (c == NULL)
        fail_msg("%s\nrefused: %s", text, said);
    diag_clear(&d);
    config_free(c);
    return said;
}

static void assert_warned(const char *text, const char *expected)
{
    char *said = warnings(text, false);
    if (expected[0] == '\0' ? said[0] != '\0' : strstr(said, expected) == NULL)
        fail_msg("%s\nsaid: %s\nexpected: %s", text, said, expected);
    free(said);
}

/* ── Errors ── */

static void names_that_nobody_has_are_told_with_the_nearest(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {ROUTES "- {name: a, when: {repository: a}, to: [pairs, upstream]}\n",
         "f:7:41: error: routes: to: no store or upstream is called \"pairs\"; did you mean "
         "\"paris\"?"},
        {ROUTES "- {name: a, to: mirrr}\n", "did you mean \"mirror\"?"},
        {ROUTES "- {name: a, to: upstrem}\n", "did you mean \"upstream\"?"},
        {ROUTES "- {name: a, to: [store, upstream]}\n", "did you mean \"stores\"?"},
        {ROUTES "- {name: a, to: zzz}\n", "f:7:17: error: routes: to: no store or upstream is "
                                          "called \"zzz\"; add it to stores or upstreams"},
        {ROUTES "- {name: a, to: 'https://a.example'}\n",
         "is called \"https://a.example\"; a URL is written as {url: \"...\"}"},
        {ROUTES "- {name: a, to: ''}\n", "no store or upstream is called \"\""},
        {"providers: {amazon: [aws]}\n" ROUTES
         "- name: a\n  to: upstream\n  when:\n    provider: [amazon, amzon]\n",
         "f:11:24: error: routes: provider: none is called \"amzon\"; did you mean \"amazon\"?"},
        {ROUTES "- {name: a, to: upstream, when: {provider: aws}}\n",
         "f:7:44: error: routes: provider: none is called \"aws\"; add it to providers"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void names_that_routes_could_not_tell_apart_are_refused(void **state)
{
    (void)state;
    static const char one_route[] = "routes: [{name: a, to: upstream}]\n";
    static const char *const rows[][2] = {
        {"stores: [{name: upstream, url: 'https://a', serves: [aws]}]\n",
         "f:2:10: error: stores: with routes, a store may not be called \"upstream\", which has a "
         "meaning there"},
        {"stores: [{name: stores, url: 'https://a', serves: [aws]}]\n",
         "called \"stores\", which has a meaning"},
        {"upstreams: [{name: x, endpoint: 'https://b'}]\nstores: [{name: x, url: 'https://a', "
         "serves: [aws]}]\n",
         "f:3:10: error: stores: with routes, a store may not be called \"x\": so is one of the "
         "upstreams"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), OWN "%s%s", rows[i][0], one_route);
        configs_assert_said(text, rows[i][1]);
        snprintf(text, sizeof(text), OWN "%s", rows[i][0]); /* nobody has to tell them apart */
        assert_warned(text, "");
    }
}

static void more_fields_than_a_decision_looks_at_are_refused(void **state)
{
    (void)state;
    char text[2048];
    int len = snprintf(text, sizeof(text), OWN "routes:\n");
    for (int i = 0; i < 16; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "- {name: r%d, to: upstream, when: {header: {X-%d: a, x-0: b%d}}}\n", i,
                        i + 1, i);
    configs_assert_said(text, "f:18:45: error: routes: header: routes may look at 16 fields of a "
                              "request, and x-16 would be the next\n");
    char *last = strstr(text, "X-16");
    memcpy(last, "X-15", 4);
    assert_warned(text, "");
}

static void what_leads_back_here_is_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {ROUTES "- {name: a, to: {url: 'http://localhost:8080/x'}}\n",
         "f:7:17: error: routes: to: http://localhost:8080/x is this server (server.listen): "
         "clients "
         "would be sent in circles"},
        {ROUTES "- {name: a, to: {url: 'http://127.0.0.1:9090'}}\n",
         "is this server (server.admin)"},
        {"server: {decide: '192.0.2.1:99'}\n" ROUTES
         "- {name: a, to: {url: 'http://192.0.2.1:99'}}\n",
         "is this server (server.decide)"},
        {ROUTES "- {name: a, when: {host: dl.example}, to: {url: 'https://b.example'}}\n"
                "- {name: b, when: {host: b.example}, to: {url: 'https://DL.example/x'}}\n",
         "f:7:43: error: routes: to: https://b.example is a host that route b is for: clients "
         "would be "
         "sent in circles\nf:8:42: error: routes: to: https://DL.example/x is a host that route a "
         "is for"},
        {ROUTES "- {name: a, when: {host: r.example}, to: mirror}\n",
         "f:1:22: error: upstream.endpoint: https://r.example is a host that route a is for"},
        {ROUTES "- {name: a, when: {host: mirror.example}, to: upstream}\n",
         "f:5:13: error: upstreams: https://mirror.example is a host that route a is for"},
        {ROUTES "- {name: a, when: {host: paris.example}, to: upstream}\n",
         "f:3:3: error: stores: https://paris.example is a host that route a is for"},
        {"signatures: {endpoint: 'https://s.example'}\n" ROUTES
         "- {name: a, when: {host: s.example}, to: upstream}\n",
         "f:1:24: error: signatures.endpoint: https://s.example is a host that route a is for"},
        {"pages: {info: 'https://i.example?x'}\n" ROUTES
         "- {name: a, when: {host: i.example}, to: upstream}\n",
         "f:1:15: error: pages.info: https://i.example?x is a host that route a is for"},
        {ROUTES "- {name: a, when: {host: dl.example}, to: {url: 'https://dl.example.:443/'}}\n",
         "is a host that route a is for"},
        {"server: {listen: [':8443']}\n" ROUTES
         "- {name: a, when: {host: dl.example}, to: {url: 'https://dl.example:8443'}}\n",
         "is a host that route a is for"},
        {ROUTES
         "- {name: a, when: {host: '[2001:db8:0::1]'}, to: {url: 'https://[2001:DB8::1]'}}\n",
         "is a host that route a is for"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void at_another_port_of_a_routes_host_there_is_something_else(void **state)
{
    (void)state;
    assert_warned("upstream: {endpoint: 'https://r.example:5000'}\n"
                  "routes: [{name: a, when: {host: r.example}, to: upstream}]\n",
                  "");
}

static void a_variable_can_lead_back_here_too(void **state)
{
    (void)state;
    char *environment[] = {(char *)(size_t) "UPSTREAM_REGISTRY_ENDPOINT=https://dl.example", NULL};
    static const char text[] =
        ROUTES "- {name: a, when: {host: dl.example}, to: {url: 'https://x.example'}}\n";
    char *said = configs_refused(text, strlen(text), environment);
    assert_string_equal(said,
                        "error: upstream.endpoint: https://dl.example is a host that route a is "
                        "for: clients would be sent in circles\n");
    free(said);
}

static void a_list_that_ends_with_a_store_is_for_the_registry_only(void **state)
{
    (void)state;
    static const char expected[] = "f:7:17: error: routes: route a ends with a store, so paths "
                                   "outside /v2/ that it does not have would lead nowhere; add an "
                                   "upstream or a url behind it, or a condition such as kind: blob "
                                   "or repository";
    static const char *const bad[] = {
        ROUTES "- {name: a, to: paris}\n",
        ROUTES "- {name: a, to: stores}\n",
        ROUTES "- {name: a, to: paris, when: {kind: [other, blob]}}\n",
        ROUTES "- {name: a, to: paris, when: {path: [/v2/**, /x]}}\n",
        ROUTES "- {name: a, to: paris, when: {path: '/v2**'}}\n",
    };
    static const char *const good[] = {
        ROUTES "- {name: a, to: paris, when: {repository: a}}\n",
        ROUTES "- {name: a, to: stores, when: {kind: [blob, manifest]}}\n",
        ROUTES "- {name: a, to: [spare, paris], when: {path: '/v2/a/**'}}\n",
        ROUTES "- {name: a, to: [paris, stores, mirror]}\n",
        ROUTES "- {name: a, to: [paris, {status: 404}]}\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        configs_assert_said(bad[i], expected);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_warned(good[i], "");
}

static void what_is_stripped_begins_every_path(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {ROUTES "- {name: a, to: upstream, strip: /x}\n",
         "f:7:3: error: routes: route a strips /x, but may be taken by other paths; add \"path: "
         "/x/**\" "
         "to its conditions"},
        {ROUTES "- {name: a, to: upstream, strip: /x, when: {path: [/x/**, /y/**]}}\n",
         "f:7:59: error: routes: path: route a strips /x, which /y/** does not begin with"},
        {ROUTES "- {name: a, to: upstream, strip: /x, when: {path: '/x**'}}\n",
         "which /x** does not"},
        {ROUTES "- {name: a, to: upstream, strip: /x, when: {path: /xy}}\n", "which /xy does not"},
        {ROUTES "- {name: a, to: upstream, strip: /x/y, when: {path: '/x/*'}}\n",
         "which /x/* does not"},
    };
    static const char *const good[] = {
        ROUTES "- {name: a, to: upstream, strip: /x, when: {path: [/x, /x/, '/x/**', '/x/y/*']}}\n",
        ROUTES "- {name: a, to: upstream, strip: /, when: {path: '/x/*'}}\n",
        ROUTES "- {name: a, to: upstream, strip: ''}\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        configs_assert_said(bad[i][0], bad[i][1]);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_warned(good[i], "");
}

/* ── Targets that nobody gets to ── */

static void targets_that_nobody_gets_to_are_warned_of(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"[upstream, paris]", "f:7:28: warning: routes: to: nobody gets here: \"upstream\", before "
                              "it, is for everybody\n"},
        {"[upstream, mirror]", "nobody gets here: \"upstream\""},
        {"[paris, mirror, spare, upstream]",
         "f:7:33: warning: routes: to: nobody gets here: \"mirror\""},
        {"[{url: 'https://u.example'}, upstream]", "nobody gets here: \"https://u.example\""},
        {"[{url: 'https://u.example'}, {status: 404}]", "nobody gets here"},
        {"[{status: 404}, upstream]", "nobody gets here: \"status\""},
        {"[upstream, {status: 404}, paris]", "f:7:43: warning: routes: to: nobody gets here"},
        {"[paris, stores, upstream]", ""},
        {"[upstream]", ""},
        /* An upstream is not asked for the registry's base, nor for a digest that is none. */
        {"[upstream, {status: 404}]", ""},
        {"[upstream, {url: 'https://u.example'}]", ""},
        {"[upstream, {status: 404}], when: {repository: a}", ""},
        {"[upstream, {status: 404}], when: {kind: [manifest, tags]}",
         "nobody gets here: \"upstream\""},
        {"[upstream, {status: 404}], when: {repository: a, kind: manifest}",
         "nobody gets here: \"upstream\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), ROUTES "- {name: a, to: %s}\n", rows[i][0]);
        assert_warned(text, rows[i][1]);
    }
}

/* ── Stores and schemes ── */

static void a_store_that_serves_nobody_is_warned_of_unless_a_route_names_it(void **state)
{
    (void)state;
    static const char stores[] =
        OWN "stores: [{name: spare, url: 'https://s.example', serves: []}]\n";
    static const char *const rows[][2] = {
        {"", "f:2:10: warning: stores: store spare serves nobody; list places in serves, or remove "
             "it\n"},
        {"routes: [{name: a, when: {repository: a}, to: upstream}]\n", "store spare serves nobody"},
        {"routes: [{name: a, when: {repository: a}, to: [spare, upstream]}]\n", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", stores, rows[i][0]);
        assert_warned(text, rows[i][1]);
    }
}

static void what_will_hardly_work_is_advised_against(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {OWN UPSTREAMS, "f:2:12: warning: upstreams has no effect without routes"},
        {OWN "providers: {a: [aws]}\n", "f:2:12: warning: providers has no effect without routes"},
        {OWN "upstreams: [{name: m, endpoint: 'http://m.example'}]\n",
         "f:2:13: warning: upstreams: m: http://m.example is not encrypted; use https"},
        {OWN "routes: [{name: a, to: {status: 401}}]\n",
         "f:2:24: warning: routes: to: clients look for the field WWW-Authenticate beside status "
         "401, and no route gives it; take another status"},
        {OWN "routes: [{name: a, to: {url: 'http://u.example'}}]\n",
         "f:2:24: warning: routes: to: http://u.example is not encrypted; use https"},
        {"upstream: {endpoint: 'https://r.example', blobs_for: [aws]}\n"
         "stores: [{name: s, url: 'https://s.example', serves: [aws]}]\n",
         "store s can never be chosen"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *said = warnings(rows[i][0], true);
        if (strstr(said, rows[i][1]) == NULL)
            fail_msg("%s\nsaid: %s", rows[i][0], said);
        free(said);
    }
    char *said = warnings("upstream: {endpoint: 'https://r.example', blobs_for: [aws]}\n"
                          "stores: [{name: s, url: 'https://s.example', serves: [aws]},\n"
                          "         {name: t, url: 'https://t.example', serves: [default]}]\n"
                          "routes: [{name: a, when: {repository: a}, to: s}]\n",
                          true);
    assert_string_equal(said, "");
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_nobody_has_are_told_with_the_nearest),
        cmocka_unit_test(names_that_routes_could_not_tell_apart_are_refused),
        cmocka_unit_test(more_fields_than_a_decision_looks_at_are_refused),
        cmocka_unit_test(what_leads_back_here_is_refused),
        cmocka_unit_test(at_another_port_of_a_routes_host_there_is_something_else),
        cmocka_unit_test(a_variable_can_lead_back_here_too),
        cmocka_unit_test(a_list_that_ends_with_a_store_is_for_the_registry_only),
        cmocka_unit_test(what_is_stripped_begins_every_path),
        cmocka_unit_test(targets_that_nobody_gets_to_are_warned_of),
        cmocka_unit_test(a_store_that_serves_nobody_is_warned_of_unless_a_route_names_it),
        cmocka_unit_test(what_will_hardly_work_is_advised_against),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
