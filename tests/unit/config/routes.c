/* Routes, providers and upstreams as they are read: every condition, every target, every refusal
 * with its place. */
#include "config/routes.h"

#include "config/when.h"
#include "oci/path.h"

#include <archeio/decide.h>

#include "configs.h"

#define OWN "upstream: {endpoint: 'https://r.example'}\n"
#define STORE "stores:\n- {name: s3, url: 'https://s3.example', serves: [default]}\n"

/* ── What is read ── */

static void assert_texts(const struct config_texts *texts, size_t n, const char *const *expected)
{
    assert_int_equal(texts->n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(texts->text[i], expected[i]);
}

#define assert_texts_are(texts, ...)                                                               \
    do {                                                                                           \
        static const char *const expected_[] = {__VA_ARGS__};                                      \
        assert_texts(texts, sizeof(expected_) / sizeof(expected_[0]), expected_);                  \
    } while (0)

static void a_route_has_every_condition(void **state)
{
    (void)state;
    struct config *c = configs_good(OWN "providers: {amazon: [aws, as16509]}\n"
                                        "routes:\n"
                                        "- name: all\n"
                                        "  when:\n"
                                        "    cloud: [aws, gcp]\n"
                                        "    region: [aws/eu-west-3, europe-west4]\n"
                                        "    provider: [amazon]\n"
                                        "    asn: [as16509, AS14618, 64500, 4294967295]\n"
                                        "    network: [10.0.0.0/8, '2001:db8::/32', 192.0.2.1]\n"
                                        "    host: [DL.Example.org, '[2001:DB8::1]', 192.0.2.1]\n"
                                        "    path: [/v2/**, /release/*/a]\n"
                                        "    repository: ['e2e/**', pause]\n"
                                        "    kind: [manifest, signature, other]\n"
                                        "    method: [HEAD]\n"
                                        "    header: {X-Team: [blue, 'red-*'], x-other: a*b}\n"
                                        "    share: 0.25%\n"
                                        "  to: [upstream]\n",
                                    configs_no_environment);
    assert_int_equal(c->n_routes, 1);
    const struct config_when *w = &c->routes[0].when;
    assert_string_equal(c->routes[0].name, "all");
    assert_int_equal(c->routes[0].origin.line, 4);
    assert_texts_are(&w->clouds, "aws", "gcp");
    assert_texts_are(&w->regions, "aws/eu-west-3", "europe-west4");
    assert_texts_are(&w->providers, "amazon");
    assert_int_equal(w->providers.origin[0].line, 8);
    assert_int_equal(w->asns.n, 4);
    assert_int_equal(w->asns.number[0], 16509);
    assert_int_equal(w->asns.number[1], 14618);
    assert_int_equal(w->asns.number[2], 64500);
    assert_true(w->asns.number[3] == UINT32_MAX);
    assert_int_equal(w->networks.n, 3);
    assert_int_equal(w->networks.prefix[2].bits, 32);
    assert_texts_are(&w->hosts, "dl.example.org", "[2001:db8::1]", "192.0.2.1");
    assert_texts_are(&w->paths, "/v2/**", "/release/*/a");
    assert_texts_are(&w->repositories, "e2e/**", "pause");
    assert_int_equal(w->kinds, 1U << PATH_MANIFEST | 1U << PATH_SIGNATURE | 1U << PATH_OTHER);
    assert_int_equal(w->methods, 1U << DECIDE_HEAD);
    assert_int_equal(w->n_fields, 2);
    assert_string_equal(w->fields[0].name, "x-team");
    assert_texts_are(&w->fields[0].values, "blue", "red-*");
    assert_texts_are(&w->fields[1].values, "a*b");
    assert_int_equal(w->share, 25);
    config_free(c);
}

static void of_one_word_the_brackets_may_be_left_out(void **state)
{
    (void)state;
    struct config *c =
        configs_good(OWN "providers: {amazon: as16509}\n"
                         "routes:\n- name: a\n"
                         "  when: {cloud: aws, region: eu-west-3, provider: amazon, asn: 1,\n"
                         "    network: 10.0.0.0/8, host: a, path: /v2/**, repository: a,\n"
                         "    kind: blob, method: GET, header: {x: y}}\n"
                         "  to: upstream\n",
                     configs_no_environment);
    const struct config_when *w = &c->routes[0].when;
    assert_int_equal(w->clouds.n + w->regions.n + w->providers.n + w->hosts.n + w->paths.n +
                         w->repositories.n + w->asns.n + w->networks.n,
                     8);
    assert_int_equal(w->kinds, 1U << PATH_BLOB);
    assert_int_equal(w->methods, 1U << DECIDE_GET);
    assert_int_equal(c->providers[0].asns.number[0], 16509);
    assert_string_equal(c->routes[0].to[0].name, "upstream");
    config_free(c);
}

static void a_route_without_conditions_takes_all(void **state)
{
    (void)state;
    static const char *const rows[] = {
        OWN "routes: [{name: a, to: upstream}]\n",
        OWN "routes: [{name: a, when: {}, to: upstream}]\n",
        OWN "routes:\n- name: a\n  when:\n  to: upstream\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *c = configs_good(rows[i], configs_no_environment);
        const struct config_when *w = &c->routes[0].when;
        assert_int_equal(w->share, WHEN_SHARE_ALL);
        assert_int_equal(w->kinds | w->methods, 0);
        assert_int_equal(w->clouds.n + w->hosts.n + w->paths.n + w->n_fields, 0);
        config_free(c);
    }
}

static void every_word_for_a_kind_and_method_is_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum path_kind kind;
    } kinds[] = {
        {"other", PATH_OTHER}, {"manifest", PATH_MANIFEST},   {"blob", PATH_BLOB},
        {"tags", PATH_TAGS},   {"referrers", PATH_REFERRERS}, {"signature", PATH_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        assert_string_equal(when_kinds[kinds[i].kind], kinds[i].word);
    assert_null(when_kinds[sizeof(kinds) / sizeof(kinds[0])]);
    assert_string_equal(when_methods[DECIDE_GET], "GET");
    assert_string_equal(when_methods[DECIDE_HEAD], "HEAD");
    assert_null(when_methods[DECIDE_OTHER]);
}

static void a_share_is_in_hundredths_of_a_percent(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t share; /* 0: refused */
    } rows[] = {
        {"5%", 500},     {"100%", 10000},  {"100.00%", 10000}, {"0.01%", 1},  {"0.1%", 10},
        {"33.3%", 3330}, {"99.99%", 9999}, {"0%", 0},          {"0.00%", 0},  {"100.01%", 0},
        {"101%", 0},     {"5", 0},         {"0.05", 0},        {"5.%", 0},    {".5%", 0},
        {"0.001%", 0},   {"-5%", 0},       {"5 %", 0},         {"%", 0},      {"", 0},
        {"1e1%", 0},     {"5.-1%", 0},     {"05%", 0},         {"1.2.3%", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t share = 0;
        const char *expected = when_share(str_from(rows[i].text), &share);
        if ((expected == NULL) != (rows[i].share > 0) || share != rows[i].share)
            fail_msg("%s: %u", rows[i].text, (unsigned)share);
    }
}

static void a_route_leads_to_stores_upstreams_urls_and_answers(void **state)
{
    (void)state;
    struct config *c = configs_good(
        OWN STORE
        "upstreams: [{name: mirror, endpoint: 'https://m.example/', path: /a/b/}]\n"
        "routes:\n"
        "- {name: a, when: {repository: a}, to: [s3, stores, mirror]}\n"
        "- {name: b, when: {repository: b}, to: [s3, {url: 'https://b.example/x/'}]}\n"
        "- {name: c, when: {host: c}, to: {url: 'https://c.example', status: 302}}\n"
        "- {name: d, when: {host: d}, to: {status: 404}}\n"
        "- {name: e, when: {host: e}, to: {status: '503', body: \"later, \\\"please\\\"\"}}\n"
        "- {name: f, when: {path: /f/**}, strip: /f/, to: upstream}\n"
        "- {name: g, when: {path: /g/*}, strip: '', to: {url: 'https://g.example'}}\n",
        configs_no_environment);
    assert_string_equal(c->upstreams[0].endpoint, "https://m.example");
    assert_string_equal(c->upstreams[0].path, "a/b");
    assert_int_equal(c->routes[0].n_to, 3);
    assert_string_equal(c->routes[0].to[1].name, "stores");
    assert_string_equal(c->routes[1].to[1].url, "https://b.example/x");
    assert_int_equal(c->routes[1].to[1].status, 307);
    assert_int_equal(c->routes[2].to[0].status, 302);
    assert_null(c->routes[2].to[0].body);
    assert_int_equal(c->routes[3].to[0].status, 404);
    assert_string_equal(c->routes[3].to[0].body, "");
    assert_int_equal(c->routes[4].to[0].status, 503);
    assert_string_equal(c->routes[4].to[0].body, "later, \"please\"");
    assert_null(c->routes[4].strip);
    assert_string_equal(c->routes[5].strip, "/f");
    assert_string_equal(c->routes[6].strip, "");
    config_free(c);
}

static void every_status_that_makes_an_answer_is_taken(void **state)
{
    (void)state;
    for (int status = 0; status <= 999; status++) {
        char answer[128], url[160];
        snprintf(answer, sizeof(answer), OWN "routes: [{name: a, to: {status: %d}}]\n", status);
        snprintf(url, sizeof(url),
                 OWN "routes: [{name: a, to: {url: 'https://a.example', status: %d}}]\n", status);
        bool answers = status == 200 || status == 503 || (status >= 400 && status < 500);
        bool redirects = status == 301 || status == 302 || status == 307 || status == 308;
        if (answers)
            config_free(configs_good(answer, configs_no_environment));
        else
            configs_assert_said(answer, "f:2:33: error: routes: to: status: expected 200, 503,");
        if (redirects)
            config_free(configs_good(url, configs_no_environment));
        else
            configs_assert_said(url, "status: expected 301, 302, 307 or 308, got");
    }
}

static void providers_group_clouds_and_autonomous_systems(void **state)
{
    (void)state;
    struct config *c = configs_good("providers:\n"
                                    "  amazon: [aws, as16509, AS14618, 7224]\n"
                                    "  big: [as4294967295, 4200000000, aS1]\n"
                                    "  as-if: [gcp, azure]\n",
                                    configs_no_environment);
    assert_int_equal(c->n_providers, 3);
    assert_texts_are(&c->providers[0].clouds, "aws");
    assert_int_equal(c->providers[0].asns.n, 3);
    assert_int_equal(c->providers[0].asns.number[2], 7224);
    assert_true(c->providers[1].asns.number[0] == UINT32_MAX);
    assert_true(c->providers[1].asns.number[1] == 4200000000);
    assert_int_equal(c->providers[1].asns.number[2], 1);
    assert_string_equal(c->providers[2].name, "as-if");
    assert_int_equal(c->providers[2].origin.line, 4);
    assert_int_equal(c->providers[2].origin.column, 3);
    config_free(c);
}

static void a_list_of_routes_replaces_and_null_is_none(void **state)
{
    (void)state;
    struct config *c =
        configs_good("routes: []\nproviders: {}\nupstreams: []\n", configs_no_environment);
    assert_int_equal(c->n_routes + c->n_providers + c->n_upstreams, 0);
    config_free(c);
}

/* ── What is refused ── */

#define ROUTE(rest) OWN "routes:\n- {name: a, to: upstream, " rest "}\n"
#define WHEN(conditions) OWN "routes:\n- name: a\n  to: upstream\n  when: {" conditions "}\n"
#define TO(targets) OWN "routes:\n- name: a\n  to: " targets "\n"

static void every_bad_condition_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {WHEN("clowd: aws"),
         "f:5:10: error: routes: when: unknown key \"clowd\"; did you mean \"cloud\"?"},
        {WHEN("zzz: 1"), "expected cloud, region, provider, asn, network, host, path, repository, "
                         "kind, method, header and share"},
        {WHEN("cloud: aws, cloud: gcp"),
         "cloud is given twice in one set of conditions; first in line 5"},
        {OWN "routes: [{name: a, to: upstream, when: aws}]\n",
         "f:2:40: error: routes: when: expected a set of conditions (cloud, region, provider, asn"},
        {OWN "routes: [{name: a, to: upstream, when: [aws]}]\n", "got a list"},
        {WHEN("cloud: []"),
         "f:5:17: error: routes: cloud: expected clouds such as [aws], got an empty list"},
        {WHEN("cloud: {aws: 1}"),
         "f:5:17: error: routes: cloud: expected clouds such as [aws], got a mapping"},
        {WHEN("cloud: ~"), "routes: cloud: expected clouds such as [aws], got nothing"},
        {WHEN("cloud: [aws, ~]"),
         "f:5:23: error: routes: cloud: expected clouds such as [aws], got nothing"},
        {WHEN("cloud: [aws, [gcp]]"), "f:5:23: error: routes: cloud"},
        {WHEN("cloud: [aws, aws]"), "f:5:23: error: routes: cloud: \"aws\" is listed twice"},
        {WHEN("cloud: aws/eu-west-3"), "routes: cloud: expected letters, digits"},
        {WHEN("region: aws/eu/west"),
         "routes: region: expected REGION or CLOUD/REGION, such as aws/eu-west-3"},
        {WHEN("region: aws/"), "routes: region: expected REGION"},
        {WHEN("region: /x"), "routes: region: expected REGION"},
        {WHEN("region: []"), "routes: region: expected regions such as"},
        {WHEN("provider: []"), "routes: provider: expected names of providers, got an empty list"},
        {WHEN("provider: 'a b'"), "routes: provider: expected letters"},
        {WHEN("asn: 0"), "f:5:15: error: routes: asn: expected the number of an autonomous system "
                         "such as as64500 (1 to 4294967295), got \"0\""},
        {WHEN("asn: as0"), "got \"as0\""},
        {WHEN("asn: [as1, as4294967296]"), "f:5:21: error: routes: asn: expected the number"},
        {WHEN("asn: as-1"), "got \"as-1\""},
        {WHEN("asn: as"), "got \"as\""},
        {WHEN("asn: as01"), "got \"as01\""},
        {WHEN("asn: '1.10'"), "got \"1.10\""},
        {WHEN("asn: amazon"), "got \"amazon\""},
        {WHEN("asn: [16509, AS16509]"), "f:5:23: error: routes: asn: as16509 is listed twice"},
        {WHEN("asn: []"),
         "routes: asn: expected autonomous systems such as [as64500], got an empty list"},
        {WHEN("network: 10.0.0.0/33"), "f:5:19: error: routes: network: expected a prefix such as "
                                       "10.0.0.0/8 or 2001:db8::/32, got \"10.0.0.0/33\""},
        {WHEN("network: [10.0.0.0/8, here]"), "f:5:32: error: routes: network: expected a prefix"},
        {WHEN("network: []"),
         "routes: network: expected prefixes such as [10.0.0.0/8], got an empty list"},
        {WHEN("network: "), "routes: network: expected prefixes such as [10.0.0.0/8], got nothing"},
        {WHEN("network: {a: b}"), "routes: network: expected a list of prefixes"},
        {WHEN("host: 'dl.example.org:443'"), "f:5:16: error: routes: host: expected a host without "
                                             "its port, such as dl.example.org, got "
                                             "\"dl.example.org:443\""},
        {WHEN("host: '[2001:db8::1]:443'"), "expected a host without its port"},
        {WHEN("host: '192.0.2.1:80'"), "expected a host without its port"},
        {WHEN("host: '2001:db8::1'"),
         "expected an IPv6 address in brackets, such as [2001:db8::1]"},
        {WHEN("host: '[192.0.2.1]'"), "expected a host such as dl.example.org"},
        {WHEN("host: '[x:y]'"), "expected a host such as dl.example.org"},
        {WHEN("host: '[2001:db8::1'"), "expected a host such as dl.example.org"},
        {WHEN("host: '*.example.org'"),
         "expected a whole host such as dl.example.org: hosts have no wildcards"},
        {WHEN("host: 'https://dl.example.org'"), "expected a host"},
        {WHEN("host: dl.example.org/x"), "expected a host such as"},
        {WHEN("host: .example.org"), "expected a host such as"},
        {WHEN("host: dl..example.org"), "expected a host such as"},
        {WHEN("host: dl.example.org."), "expected a host such as"},
        {WHEN("host: ''"), "routes: host: expected"},
        {WHEN("host: [a.example, A.EXAMPLE]"),
         "f:5:28: error: routes: host: \"A.EXAMPLE\" is listed twice"},
        {WHEN("path: release/**"),
         "f:5:16: error: routes: path: expected a path from its first slash "
         "on, in which * and ** may stand, such as /release/**, got"},
        {WHEN("path: '/a?b'"), "routes: path: expected a path"},
        {WHEN("path: '/a/***'"), "routes: path: expected a path"},
        {WHEN("path: /v2/a%3Ab"), "routes: path: expected no escapes below /v2/"},
        {WHEN("path: []"), "routes: path: expected paths such as /release/**, got an empty list"},
        {WHEN("repository: /team"),
         "f:5:22: error: routes: repository: expected a repository without "
         "slashes around it, in which * and ** may stand, such as team/**, got"},
        {WHEN("repository: team/"), "routes: repository: expected"},
        {WHEN("repository: []"), "routes: repository: expected repositories such as team/**"},
        {WHEN("kind: manifests"),
         "f:5:16: error: routes: kind: \"manifests\" is none; did you mean \"manifest\"?"},
        {WHEN("kind: zzz"), "routes: kind: \"zzz\" is none; expected manifest, blob, "
                            "tags, referrers, signature or other"},
        {WHEN("kind: []"),
         "routes: kind: expected kinds such as [manifest, tags], got an empty list"},
        {WHEN("kind: [blob, blob]"), "f:5:23: error: routes: kind: \"blob\" is listed twice"},
        {WHEN("method: get"), "routes: method: \"get\" is none; did you mean \"GET\"?"},
        {WHEN("method: POST"), "routes: method: \"POST\" is none; expected GET or HEAD"},
        {WHEN("method: []"), "routes: method: expected GET or HEAD, got an empty list"},
        {WHEN("header: x-team"),
         "routes: header: expected fields and values (\"X-Team: blue\"), got"},
        {WHEN("header: {}"), "routes: header: expected fields and values"},
        {WHEN("header: {'x team': a}"),
         "f:5:19: error: routes: header: expected the name of a header "
         "field of at most 64 bytes, got \"x team\""},
        {WHEN("header: {Host: a}"), "expected \"host\" as a condition of its own, got \"Host\""},
        {WHEN("header: {X-A: b, x-a: c}"),
         "f:5:27: error: routes: header: x-a is given twice; list its "
         "values together"},
        {WHEN("header: {x: []}"),
         "routes: header: expected values such as [blue, \"red-*\"], got an empty"},
        {WHEN("header: {x: '*'}"),
         "expected printable ASCII of at most 1024 bytes, without blanks at its ends; a * at the "
         "end stands"},
        {WHEN("header: {x: ' a'}"), "expected printable ASCII"},
        {WHEN("header: {x: 'a '}"), "expected printable ASCII"},
        {WHEN("header: {x: ''}"), "expected printable ASCII"},
        {WHEN("header: {x: \"a\\tb\"}"), "expected printable ASCII"},
        {WHEN("header: {x: \"\\u00e4\"}"), "expected printable ASCII"},
        {WHEN("header: {x: [a, a]}"), "\"a\" is listed twice"},
        {WHEN("share: 5"), "f:5:17: error: routes: share: expected a percentage above 0% and up to "
                           "100%, such as 5% or 0.25%, got \"5\""},
        {WHEN("share: 0%"), "routes: share: expected a percentage above 0%"},
        {WHEN("share: 100.5%"), "routes: share: expected"},
        {WHEN("share: [5%]"), "routes: share: expected a percentage such as 5%, got a list"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void every_bad_target_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {OWN "routes: x\n",
         "f:2:9: error: routes: expected a list of routes (\"- name: ...\"), got \"x\""},
        {OWN "routes: {a: b}\n", "routes: expected a list of routes"},
        {OWN "routes: [x]\n",
         "f:2:10: error: routes: expected a route (name, when, to and strip), got \"x\""},
        {OWN "routes: [{}]\n",
         "f:2:10: error: routes: a route without name; expected \"name: ...\" (what "
         "metrics, logs and explain call it)"},
        {OWN "routes: [{name: a}]\n",
         "f:2:10: error: routes: a route without to; expected \"to: ...\""},
        {ROUTE("too: x"), "routes: unknown key \"too\"; did you mean \"to\"?"},
        {OWN "routes: [{name: 'a b', to: upstream}]\n",
         "f:2:17: error: routes: name: expected letters, digits"},
        {OWN "routes: [{name: [a], to: upstream}]\n", "routes: name: expected a word, got a list"},
        {OWN "routes:\n- {name: a, to: upstream}\n- {name: a, when: {host: a}, to: upstream}\n",
         "f:4:10: error: routes: name: \"a\" is taken by the route in line 3"},
        {TO("[]"),
         "f:4:7: error: routes: to: expected at least one store, upstream, url or status, "
         "got an empty list"},
        {TO("~"), "routes: to: expected the name of a store or upstream, got nothing"},
        {TO("[[a]]"),
         "f:4:8: error: routes: to: expected the name of a store or upstream, got a list"},
        {TO("[upstream, upstream]"), "f:4:18: error: routes: to: \"upstream\" is listed twice"},
        {TO("{}"), "f:4:7: error: routes: to: expected url or status among"},
        {TO("{urll: 'https://a'}"), "routes: to: unknown key \"urll\"; did you mean \"url\"?"},
        {TO("{body: a}"), "routes: to: expected url or status among"},
        {TO("{url: 'a.example'}"),
         "f:4:13: error: routes: to: url: expected an absolute http or https URL"},
        {TO("{url: 'https://a/?q'}"),
         "routes: to: url: expected an absolute http or https URL without user, query"},
        {TO("{url: 'https://a/#f'}"), "routes: to: url: expected"},
        {TO("{url: 'https://u:p@a/'}"), "routes: to: url: expected"},
        {TO("{url: 'ftp://a/'}"), "routes: to: url: expected"},
        {TO("{url: [a]}"), "routes: to: url: expected an absolute http or https URL, got a list"},
        {TO("{url: 'https://a', body: x}"),
         "routes: to: body: expected none beside a url, got \"x\""},
        {TO("{url: 'https://a', status: 303}"),
         "f:4:34: error: routes: to: status: expected 301, 302, 307 or 308, got \"303\""},
        {TO("{status: 302}"), "f:4:16: error: routes: to: status: expected 200, 503, or one from "
                              "400 to 499 (for a redirect, give a url), got \"302\""},
        {TO("{status: ok}"), "routes: to: status: expected 200"},
        {TO("{status: [404]}"), "got a list"},
        {TO("{status: 404, body: \"a\\nb\"}"),
         "routes: to: body: expected a line of printable ASCII, at most 1024 bytes, got"},
        {TO("{status: 404, body: [a]}"), "routes: to: body: expected a line of printable ASCII"},
        {ROUTE("strip: release"),
         "routes: strip: expected the beginning of a path without wildcards, such as"},
        {ROUTE("strip: '/a/*'"),
         "routes: strip: expected the beginning of a path without wildcards"},
        {ROUTE("strip: [/a]"), "routes: strip: expected the beginning of a path without wildcards"},
        {ROUTE("strip: ~"), "routes: strip: expected the beginning of a path without wildcards"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void every_bad_provider_and_upstream_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"providers: [a]\n",
         "f:1:12: error: providers: expected a mapping (\"name: [aws, as64500]\"), got a list"},
        {"providers: aws\n", "providers: expected a mapping"},
        {"providers: {amazon: []}\n",
         "f:1:21: error: providers: expected a list of clouds and autonomous systems such as [aws, "
         "as64500], got an empty list"},
        {"providers: {amazon: }\n", "providers: expected a list of clouds"},
        {"providers: {amazon: {a: b}}\n", "providers: expected a list of clouds"},
        {"providers: {amazon: [[as1]]}\n", "f:1:22: error: providers: expected a list of clouds"},
        {"providers: {amazon: ['a b']}\n", "f:1:22: error: providers: expected a list of clouds"},
        {"providers: {amazon: [as0]}\n", "f:1:22: error: providers: expected the number of an "
                                         "autonomous system such as as64500 (1 to "
                                         "4294967295), got \"as0\""},
        {"providers: {amazon: [0]}\n", "got \"0\""},
        {"providers: {amazon: [AS4294967296]}\n", "got \"AS4294967296\""},
        {"providers: {amazon: [99999999999]}\n", "got \"99999999999\""},
        {"providers: {amazon: [as007]}\n", "got \"as007\""},
        {"providers: {amazon: [as1, AS1]}\n", "f:1:27: error: providers: as1 is listed twice"},
        {"providers: {amazon: [aws, aws]}\n", "f:1:27: error: providers: \"aws\" is listed twice"},
        {"providers: {'a b': [aws]}\n",
         "f:1:13: error: providers: \"a b\" is no name; expected letters"},
        {"providers:\n  a: [aws]\n  a: [gcp]\n",
         "f:3:3: error: providers: \"a\" is given twice; first in line 2"},
        {"upstreams: x\n",
         "f:1:12: error: upstreams: expected a list of registries (\"- name: ...\"), got \"x\""},
        {"upstreams: [x]\n", "upstreams: expected a registry (name, endpoint and path), got \"x\""},
        {"upstreams: [{name: a}]\n",
         "f:1:13: error: upstreams: a registry without endpoint; expected"},
        {"upstreams: [{endpoint: 'https://a'}]\n", "upstreams: a registry without name"},
        {"upstreams: [{name: a, endpont: x}]\n",
         "unknown key \"endpont\"; did you mean \"endpoint\"?"},
        {"upstreams: [{name: 'a b', endpoint: 'https://a'}]\n",
         "f:1:20: error: upstreams: name: expected letters"},
        {"upstreams: [{name: upstream, endpoint: 'https://a'}]\n",
         "f:1:20: error: upstreams: name: \"upstream\" is the registry of upstream.endpoint; take "
         "another"},
        {"upstreams: [{name: stores, endpoint: 'https://a'}]\n",
         "f:1:20: error: upstreams: name: \"stores\" are those that serve the client's network; "
         "take another"},
        {"upstreams:\n- {name: a, endpoint: 'https://a'}\n- {name: a, endpoint: 'https://b'}\n",
         "f:3:10: error: upstreams: name: \"a\" is taken by the registry in line 2"},
        {"upstreams: [{name: a, endpoint: a.example}]\n",
         "f:1:33: error: upstreams: endpoint: expected an absolute"},
        {"upstreams: [{name: a, endpoint: 'https://a', path: a//b}]\n",
         "upstreams: path: expected repository segments"},
        {"upstreams: [{name: a, endpoint: 'https://a', path: [a]}]\n",
         "upstreams: path: expected a text, got a list"},
        {"upstreams: [{name: ~, endpoint: }]\n",
         "upstreams: endpoint: expected a text, got nothing"},
        {"providers: {}\nproviders: {}\n",
         "f:2:1: error: providers is given twice; first in line 1"},
        {"provider: {}\n", "unknown setting \"provider\"; did you mean \"providers\"?"},
        {"route: []\n", "did you mean \"routes\"?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void conditions_that_are_indented_too_little_are_told_where_they_belong(void **state)
{
    (void)state;
    configs_assert_said(OWN "routes:\n- name: a\n  when:\n  repository: x/**\n  to: upstream\n",
                        ":5:3: error: routes: repository is a condition; write it below "
                        "\"when:\", and indent it further than that\n");
    configs_assert_said(OWN "routes: [{name: a, kind: blob, share: 5%, to: upstream}]\n",
                        "routes: share is a condition; write it below \"when:\"");
}

static void too_many_are_refused(void **state)
{
    (void)state;
    configs_assert_too_many(OWN "routes:\n", "- {name: r", ", when: {host: a}, to: upstream}\n",
                            4097, "f:4099:3: error: routes: expected at most 4096 routes");
    configs_assert_too_many("upstreams:\n", "- {name: u", ", endpoint: 'https://a'}\n", 256,
                            "f:257:3: error: upstreams: expected at most 255 registries");
    configs_assert_too_many("providers:\n", "  p", ": [aws]\n", 4097,
                            "providers: expected at most 4096 providers");
    configs_assert_too_many("providers:\n  a:\n", "  - as1", "\n", 4097,
                            "f:4099:5: error: providers: expected at most 4096 entries");
    configs_assert_too_many(OWN "routes:\n- name: a\n  to: upstream\n  when:\n    host:\n",
                            "    - h", "\n", 4097, "routes: host: expected at most 4096 entries");
    configs_assert_too_many(OWN "routes:\n- name: a\n  to:\n", "    - h", "\n", 4097,
                            "routes: to: expected at most 4096 entries");
}

static void long_texts_are_refused(void **state)
{
    (void)state;
    static const char *const heads[] = {"header: {x: ", "host: ", "path: /", "repository: "};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        char text[2048];
        int len = snprintf(text, sizeof(text),
                           OWN "routes:\n- name: a\n  to: upstream\n  when: {%s", heads[i]);
        memset(text + len, 'a', 1025);
        snprintf(text + len + 1025, sizeof(text) - (size_t)len - 1025, i == 0 ? "}}\n" : "}\n");
        configs_assert_said(text, "f:5:");
    }
}

/* ── Layers ── */

static void the_environment_changes_what_routes_lead_to(void **state)
{
    (void)state;
    char *environment[] = {(char *)(size_t) "UPSTREAM_REGISTRY_ENDPOINT=https://e.example",
                           (char *)(size_t) "DEFAULT_AWS_BASE_URL=https://d.example", NULL};
    struct config *c = configs_good(
        OWN STORE "routes: [{name: a, when: {repository: a}, to: [s3, upstream]}]\n", environment);
    assert_string_equal(c->upstream.endpoint, "https://e.example");
    assert_string_equal(c->stores[0].url, "https://d.example");
    assert_string_equal(c->routes[0].to[0].name, "s3");
    config_free(c);
}

static void routes_stand_beside_the_presets_stores(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "routes: [{name: a, when: {repository: a}, to: [s3-us-east-2, cdn]}]\n",
        "preset: registry-k8s-io\n" OWN
        "routes: [{name: a, when: {repository: a}, to: [s3-us-east-2, cdn]}]\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *c = configs_good(rows[i], configs_no_environment);
        assert_int_equal(c->n_stores, 33);
        assert_int_equal(c->n_routes, 1);
        config_free(c);
    }
    configs_assert_said(OWN "routes: [{name: a, when: {repository: a}, to: cdn}]\n",
                        "no store or upstream is called \"cdn\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_has_every_condition),
        cmocka_unit_test(of_one_word_the_brackets_may_be_left_out),
        cmocka_unit_test(a_route_without_conditions_takes_all),
        cmocka_unit_test(every_word_for_a_kind_and_method_is_its_own),
        cmocka_unit_test(a_share_is_in_hundredths_of_a_percent),
        cmocka_unit_test(a_route_leads_to_stores_upstreams_urls_and_answers),
        cmocka_unit_test(every_status_that_makes_an_answer_is_taken),
        cmocka_unit_test(providers_group_clouds_and_autonomous_systems),
        cmocka_unit_test(a_list_of_routes_replaces_and_null_is_none),
        cmocka_unit_test(every_bad_condition_is_told_with_its_place),
        cmocka_unit_test(every_bad_target_is_told_with_its_place),
        cmocka_unit_test(every_bad_provider_and_upstream_is_told_with_its_place),
        cmocka_unit_test(conditions_that_are_indented_too_little_are_told_where_they_belong),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(the_environment_changes_what_routes_lead_to),
        cmocka_unit_test(routes_stand_beside_the_presets_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
