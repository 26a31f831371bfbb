/* The configuration as a whole: layers, every error with its place, and printing it again. */
#include "config/config.h"

#include "config/check.h"
#include "config/document.h"
#include "config/dump.h"
#include "config/schema.h"
#include "sys/clock.h"

#include "configs.h"

static enum config_source source_of(const struct config *c, const char *setting)
{
    return c->origins[schema_find(setting)].source;
}

/* ── Layers ── */

static void without_a_file_the_preset_applies(void **state)
{
    (void)state;
    struct diag d = {0};
    struct config *c = config_load(NULL, configs_no_environment, &d);
    assert_non_null(c);
    assert_int_equal(d.n, 0);
    assert_string_equal(c->upstream.endpoint, "https://us-central1-docker.pkg.dev");
    assert_string_equal(c->upstream.path, "k8s-artifacts-prod/images");
    assert_int_equal(c->upstream.n_blobs_for, 1);
    assert_string_equal(c->upstream.blobs_for[0].cloud, "gcp");
    assert_string_equal(c->server.listen[0].address, "[::]:8080");
    assert_string_equal(c->server.decide, "");
    assert_true(c->server.admin_is_default);
    assert_int_equal(c->server.client_address, CLIENT_GOOGLE_LB);
    assert_true(c->server.idle_timeout == 620 * CLOCK_S);
    assert_int_equal(c->existence.memory, 64 << 20);
    assert_int_equal(c->ranges.max_shrink, 20);
    assert_int_equal(source_of(c, "stores"), CONFIG_PRESET);
    assert_int_equal(source_of(c, "log.level"), CONFIG_DEFAULT);
    size_t places = 0;
    for (size_t i = 0; i < c->n_stores; i++)
        places += c->stores[i].n_serves;
    assert_int_equal(c->n_stores, 33); /* 32 buckets and the default */
    assert_int_equal(places, 37);      /* 36 regions and "default" */
    assert_string_equal(c->stores[32].name, "cdn");
    assert_string_equal(c->stores[32].serves[0].cloud, "");
    config_free(c);
    config_free(NULL);
}

static void an_upstream_of_ones_own_starts_from_nothing_unless_it_asks(void **state)
{
    (void)state;
    struct config *c =
        configs_good("upstream: {endpoint: 'https://r.example/'}\n", configs_no_environment);
    assert_string_equal(c->upstream.endpoint, "https://r.example");
    assert_string_equal(c->upstream.path, "");
    assert_int_equal(c->upstream.n_blobs_for, 0);
    assert_int_equal(c->n_stores, 0);
    config_free(c);
    c = configs_good("preset: registry-k8s-io\nupstream: {endpoint: 'https://r.example'}\n",
                     configs_no_environment);
    assert_string_equal(c->upstream.endpoint, "https://r.example");
    assert_int_equal(c->n_stores, 33);
    config_free(c);
    c = configs_good("server: {admin: ''}\n", configs_no_environment);
    assert_int_equal(c->n_stores, 33);
    assert_string_equal(c->server.admin, "");
    assert_false(c->server.admin_is_default);
    config_free(c);
}

static void a_list_replaces_and_never_merges(void **state)
{
    (void)state;
    struct config *c = configs_good("upstream: {blobs_for: [azure, aws/us-east-1]}\n"
                                    "stores:\n- {name: a, url: 'http://a//', serves: [default]}\n",
                                    configs_no_environment);
    assert_int_equal(c->upstream.n_blobs_for, 2);
    assert_string_equal(c->upstream.blobs_for[1].region, "us-east-1");
    assert_int_equal(c->n_stores, 1);
    assert_string_equal(c->stores[0].url, "http://a");
    assert_int_equal(c->stores[0].origin.line, 3);
    config_free(c);
}

static void the_environment_overrides_the_file(void **state)
{
    (void)state;
    char *environment[] = {(char *)(size_t) "PORTAL=1",
                           (char *)(size_t) "UPSTREAM_REGISTRY_ENDPOINT=https://e.example/",
                           (char *)(size_t) "UPSTREAM_REGISTRY_PATH=",
                           (char *)(size_t) "SIGNATURE_UPSTREAM_ENDPOINT=https://s.example",
                           (char *)(size_t) "DEFAULT_AWS_BASE_URL=https://d.example/",
                           (char *)(size_t) "ARCHEIO_RANGES=/r",
                           (char *)(size_t) "PORT=9000",
                           NULL};
    struct config *c = configs_good("upstream: {path: x}\nranges: {directory: /f}\n", environment);
    assert_string_equal(c->upstream.endpoint, "https://e.example");
    assert_string_equal(c->upstream.path, "");
    assert_string_equal(c->signature_endpoint, "https://s.example");
    assert_string_equal(c->stores[32].url, "https://d.example");
    assert_int_equal(c->n_stores, 33);
    assert_string_equal(c->ranges.directory, "/r");
    assert_string_equal(c->server.listen[0].address, "[::]:9000");
    assert_int_equal(source_of(c, "upstream.path"), CONFIG_ENVIRONMENT);
    assert_string_equal(c->origins[schema_find("server.listen")].name, "PORT");
    config_free(c);
}

static void port_counts_only_where_the_file_sets_no_listen(void **state)
{
    (void)state;
    char *environment[] = {(char *)(size_t) "PORT=9000", NULL};
    char *empty[] = {(char *)(size_t) "PORT=", NULL};
    struct config *c = configs_good("server: {listen: ['127.0.0.1:0', ':81']}\n", environment);
    assert_int_equal(c->server.n_listen, 2);
    assert_string_equal(c->server.listen[0].address, "127.0.0.1:0");
    config_free(c);
    c = configs_good("", empty);
    assert_string_equal(c->server.listen[0].address, "[::]:8080");
    config_free(c);
}

static void bad_variables_are_named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"PORT=http", "environment: PORT: expected a port from 0 to 65535, got \"http\""},
        {"PORT=1:2", "environment: PORT"},
        {"PORT=65536", "environment: PORT"},
        {"UPSTREAM_REGISTRY_ENDPOINT=registry", "environment: UPSTREAM_REGISTRY_ENDPOINT"},
        {"DEFAULT_AWS_BASE_URL=x", "environment: DEFAULT_AWS_BASE_URL"},
        {"ARCHEIO_RANGES=\xff", "environment: ARCHEIO_RANGES: expected a path in UTF-8"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *environment[] = {strdup(bad[i][0]), NULL};
        char *said = configs_refused("", 0, environment);
        assert_non_null(strstr(said, bad[i][1]));
        free(said);
        free(environment[0]);
    }
    char *environment[] = {(char *)(size_t) "DEFAULT_AWS_BASE_URL=https://d", NULL};
    struct diag d = {0};
    struct config *c = configs_parse("stores: []\n", environment, &d);
    assert_non_null(c);
    char *said = said_by(&d);
    assert_non_null(strstr(said, "DEFAULT_AWS_BASE_URL has no effect"));
    free(said);
    diag_clear(&d);
    config_free(c);
}

/* ── Limits ── */

static void a_rate_is_in_requests_an_hour_and_off_by_default(void **state)
{
    (void)state;
    struct config *c = configs_good("", configs_no_environment);
    assert_int_equal(c->rate_limit.rate, 0);
    assert_int_equal(c->rate_limit.memory, 16 << 20);
    assert_int_equal(c->server.max_connections_per_client, 0);
    config_free(c);
    c = configs_good("server: {client_address: peer, max_connections_per_client: 100}\n"
                     "rate_limit: {rate: 50/s, burst: 7, exempt: [192.0.2.0/24], memory: 1MiB}\n",
                     configs_no_environment);
    assert_int_equal(c->rate_limit.rate, 50 * 3600);
    assert_int_equal(c->rate_limit.burst, 7);
    assert_int_equal(c->rate_limit.exempt.n, 1);
    assert_int_equal(c->server.trusted_proxies.n, 0);
    assert_int_equal(c->server.max_connections_per_client, 100);
    config_free(c);
}

/* ── What is refused ── */

static void every_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"server:\n  listn: [x]\n",
         "f:2:3: error: unknown setting \"server.listn\"; did you mean \"server.listen\"?"},
        {"sever: {}\n", "f:1:1: error: unknown setting \"sever\"; did you mean \"server\"?"},
        {"listen: x\n", "did you mean \"server.listen\"?"},
        {"zzz: 1\n", "f:1:1: error: unknown setting \"zzz\"; `archeio config` lists"},
        {"log:\n  level: info\n  level: debug\n",
         "f:3:3: error: log.level is given twice; first in line 2"},
        {"log: {}\nlog: {}\n", "f:2:1: error: log is given twice"},
        {"log: 5\n", "f:1:6: error: log: expected settings below it"},
        {"log: [a]\n", "got a list"},
        {"- a\n", "f:1:1: error: expected settings"},
        {"a\n", "got \"a\""},
        {"log: {level: loud}\n", "expected error, warning, info or debug, got \"loud\""},
        {"log: {level: wrning}\n", "did you mean \"warning\"?"},
        {"log: {level: [info]}\n", "got a list"},
        {"log: {access: }\n", "got nothing"},
        {"log: {access: ~}\n", "got nothing"},
        {"server: {workers: '3'}\n", "expected an integer or \"auto\", got \"3\""},
        {"server: {workers: 0}\n", "f:1:19: error: server.workers: expected"},
        {"server: {workers: 1025}\n", "1025 is out of range; expected 1 to 1024"},
        {"server: {max_connections: -1}\n", "server.max_connections: expected an integer"},
        {"server: {max_connections: 99999999999999999999}\n", "expected an integer"},
        {"server: {idle_timeout: 5}\n", "expected an integer and a unit"},
        {"server: {idle_timeout: 0}\n", "0 is out of range; expected 1ms to 24h"},
        {"server: {idle_timeout: {a: b}}\n", "got a mapping"},
        {"existence: {memory: 1KiB}\n", "1KiB is out of range; expected 64KiB to 1024GiB"},
        {"existence: {memory: 64MB}\n", "such as 64MiB"},
        {"ranges: {max_shrink: 20}\n", "a percent sign"},
        {"ranges: {directory: ''}\n", "expected a directory, got \"\""},
        {"server: {listen: []}\n", "at least one address"},
        {"server: {listen: ':80'}\n", "expected a list such as"},
        {"server: {listen: ['localhost:80']}\n", "no host name"},
        {"server: {listen: [':80', ':80']}\n", "f:1:26: error: server.listen: expected every"},
        {"server: {listen: [[':80']]}\n", "got a list"},
        {"rate_limit: {rate: 50/s}\n",
         "f:1:20: error: rate_limit.rate needs server.client_address in the file, since its "
         "default (google-lb) believes a header that clients can write; write \"client_address: "
         "peer\""},
        {"rate_limit: {rate: 50}\n", "an integer and a unit (/s, /m or /h), such as 50/s"},
        {"rate_limit: {rate: 1000001/s}\n", "is out of range; expected 0 to 1000000/s"},
        {"rate_limit: {burst: 0}\n", "0 is out of range; expected 1 to 1000000"},
        {"rate_limit: {exempt: [x]}\n", "rate_limit.exempt: expected a prefix"},
        {"rate_limit: {memory: 1KiB}\n", "expected 64KiB to 16GiB"},
        {"rate_limits: {}\n", "did you mean \"rate_limit\"?"},
        {"server: {admin: x}\n", "expected an address and a port"},
        {"server: {decide: localhost:9091}\n",
         "f:1:18: error: server.decide: expected an address and a port, such as \"[::]:8080\", "
         "\"0.0.0.0:80\" or \":8080\" (no host name), got \"localhost:9091\""},
        {"server: {client_address: real-ip}\n",
         "expected peer, google-lb, trusted-proxies or x-real-ip, got \"real-ip\""},
        {"server: {client_address: trusted-proxies}\n",
         "f:1:26: error: server.client_address: trusted-proxies needs server.trusted_proxies"},
        {"server: {trusted_proxies: [10.0.0.0/33]}\n", "expected a prefix"},
        {"server: {trusted_proxies: 10.0.0.0/8}\n", "expected a list of prefixes"},
        {"server: {trusted_proxies: [[]]}\n", "expected a prefix"},
        {"upstream: {endpoint: 'https://u@h'}\n", "without user"},
        {"upstream: {endpoint: ''}\n", "expected an absolute http or https URL, got \"\""},
        {"upstream: {path: a//b}\n", "repository segments"},
        {"upstream: {blobs_for: [default]}\n", "let no store serve default"},
        {"upstream: {blobs_for: [gcp, gcp]}\n", "\"gcp\" is listed twice; first in line 1"},
        {"upstream: {blobs_for: gcp}\n", "expected a list such as"},
        {"pages: {info: 'javascript:x'}\n", "absolute http or https URL"},
        {"preset: k8s\n", "preset: expected registry-k8s-io, got \"k8s\""},
        {"stores: x\n", "expected a list of stores"},
        {"stores: [x]\n", "expected a store (name, url, serves and index), got \"x\""},
        {"stores:\n- {name: a, serves: [default]}\n", "f:2:3: error: stores: a store without url"},
        {"stores:\n- {name: a, ulr: 'http://a', serves: []}\n", "did you mean \"url\"?"},
        {"stores:\n- {zzz: 1}\n", "expected name, url, serves and index"},
        {"stores:\n- {name: a, name: b}\n", "name is given twice in one store"},
        {"stores:\n- {name: 'a b', url: 'http://a', serves: []}\n", "\"a b\" is no name"},
        {"stores:\n- {name: , url: , serves: }\n", "got nothing"},
        {"stores:\n- {name: a, url: 'http://a', serves: [], index: yes}\n",
         "f:2:49: error: stores: index: expected true or false, got \"yes\""},
        {"stores:\n- {name: a, url: 'http://a', serves: [], index: 'true'}\n",
         "stores: index: expected true or false"},
        {"stores:\n- {name: a, url: 'http://a', serves: [], index: [true]}\n", "got a list"},
        {"stores:\n- {name: a, url: a, serves: []}\n", "\"a\" is no URL of a store"},
        {"stores:\n- {name: a, url: 'http://a', serves: [aws/x, gcp, aws/x]}\n",
         "\"aws/x\" is listed twice"},
        {"stores:\n- {name: a, url: 'http://a', serves: [a/b/c]}\n", "CLOUD/REGION"},
        {"stores:\n- {name: a, url: 'http://a', serves: [{a: b}]}\n", "got a mapping"},
        {"stores:\n- {name: a, url: 'http://a', serves: [aws]}\n"
         "- {name: a, url: 'http://b', serves: [aws]}\n",
         "f:3:3: error: stores: the name \"a\" is taken by the store in line 2"},
        {"log: &a {}\n", "anchors and aliases"},
        {"log: *a\n", "anchors and aliases"},
        {"pages:\n  info: **/x\n", "f:2:10: error: anchors and aliases (& and *) are not allowed; "
                                   "put a value that begins with"},
        {"log: {level: &a info}\n", "anchors and aliases"},
        {"server: {listen: &a []}\n", "anchors and aliases"},
        {"log: {level: !!str info}\n", "tags (!) are not allowed"},
        {"log: !x {}\n", "tags (!)"},
        {"server: {listen: !x []}\n", "tags (!)"},
        {"log: {}\n---\nlog: {}\n", "a second document begins"},
        {"[a]: b\n", "a key must be a word"},
        {"log: {level: \"a\\0b\"}\n", "NUL"},
        {"log: {level: info\n", "not YAML"},
        {"log:\n  level: info\n access: off\n", "is this line indented as its neighbours are?"},
        {"log:\n\tlevel: info\n",
         "f:2:1: error: not YAML: this line is indented by a tab; use spaces"},
        {"log:\n  level: \xff\n", "f:2:10: error: not UTF-8 text"},
        {"[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
    char *said = configs_refused("log: \0", 6, configs_no_environment);
    assert_non_null(strstr(said, "not UTF-8 text"));
    free(said);
}

static void all_mistakes_are_told_in_the_order_of_their_places(void **state)
{
    (void)state;
    static const char text[] = "existence: {wait: x}\nstores: 5\nlog: {level: x}\nfoo: 1\n";
    char *said = configs_refused(text, strlen(text), configs_no_environment);
    const char *at = said;
    for (int line = 1; line <= 4; line++) {
        char beginning[16];
        snprintf(beginning, sizeof(beginning), "f:%d:", line);
        assert_true(strncmp(at, beginning, 4) == 0);
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
    free(said);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    char *text = malloc(DOCUMENT_SIZE_MAX + 1);
    memset(text, '#', DOCUMENT_SIZE_MAX + 1);
    char *said = configs_refused(text, DOCUMENT_SIZE_MAX + 1, configs_no_environment);
    assert_non_null(strstr(said, "larger than 4 MiB"));
    free(said);
    size_t len = 0;
    while (len < DOCUMENT_SIZE_MAX / 16)
        len += (size_t)sprintf(text + len, "a%zu:\n", len);
    said = configs_refused(text, len, configs_no_environment);
    assert_non_null(strstr(said, "more errors"));
    free(said);
    free(text);
    configs_assert_too_many("stores:\n", "- {name: s", ", url: 'http://a', serves: [aws]}\n", 4097,
                            "f:4098:3: error: stores: more than 4096 stores");
    configs_assert_too_many("upstream:\n  blobs_for:\n", "  - aws/r", "\n", 1025,
                            "at most 1024 places");
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct diag d = {0};
    assert_null(config_load("/nonexistent/archeio.yaml", configs_no_environment, &d));
    char *said = said_by(&d);
    assert_string_equal(said, "/nonexistent/archeio.yaml: error: cannot be read: No such file or "
                              "directory\n");
    free(said);
    diag_clear(&d);
}

/* ── What is warned of ── */

static char *warned(const char *text, bool advise)
{
    struct diag d = {0};
    struct config *c = configs_parse(text, configs_no_environment, &d);
    assert_non_null(c);
    if (advise)
        check_advise(c, &d);
    assert_int_equal(d.n_errors, 0);
    char *said = said_by(&d);
    diag_clear(&d);
    config_free(c);
    return said;
}

static void what_will_hardly_work_is_warned_of(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"stores:\n- {name: a, url: 'https://a', serves: []}\n", "serves nobody"},
        {"server: {trusted_proxies: [10.0.0.0/8]}\n", "has no effect without client_address"},
        {"server: {client_address: trusted-proxies, trusted_proxies: [10.1.0.0/8]}\n",
         "it is read as 10.0.0.0/8"},
    };
    static const char *const advice[][2] = {
        {"upstream: {endpoint: 'http://a'}\n", "is not encrypted"},
        {"upstream: {endpoint: 'https://a'}\n", "no stores: every blob comes"},
        {"stores:\n- {name: a, url: 'http://a', serves: [aws]}\n", "no store serves default"},
        {"stores:\n- {name: a, url: 'http://a', serves: [aws]}\n",
         "f:2:3: warning: store a: http://a is not encrypted"},
        {"stores:\n- {name: a, url: 'https://a', serves: [gcp/x, gcp]}\n", "can never be chosen"},
        {"server: {max_connections_per_client: 5}\n",
         "f:1:38: warning: server.max_connections_per_client counts"},
        {"existence: {wait: 11s}\n", "longer than 10s"},
        {"existence: {wait: 0}\n", "nobody waits"},
        {"routes: [{name: a, when: {path: /release/}, to: upstream}]\n",
         "f:1:33: warning: routes: path: /release/ is that path alone; what is below it is "
         "/release/**"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *said = warned(rows[i][0], false);
        if (strstr(said, rows[i][1]) == NULL)
            fail_msg("%s\nsaid: %s", rows[i][0], said);
        free(said);
    }
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
        char *said = warned(advice[i][0], true);
        if (strstr(said, advice[i][1]) == NULL)
            fail_msg("%s\nsaid: %s", advice[i][0], said);
        free(said);
    }
    char *said = warned("", true);
    assert_string_equal(said, "");
    free(said);
    said = warned("upstream: {endpoint: 'https://a'}\n"
                  "routes: [{name: all, to: {url: 'https://b'}}]\n",
                  true);
    assert_string_equal(said, "");
    free(said);
    said = warned("server:\n# nothing yet\n", true);
    assert_string_equal(said, "");
    free(said);
}

/* ── Printed and read again ── */

static void what_is_printed_reads_back_to_itself(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "upstream: {endpoint: 'https://a'}\n",
        "server: {client_address: peer}\nrate_limit: {rate: 7/h}\n",
        "server: {client_address: peer}\nrate_limit: {rate: 120/m}\n",
        "server: {client_address: x-real-ip, decide: '127.0.0.1:9091'}\n",
        "server: {listen: ['[::1]:1', ':2'], admin: '', workers: 3, max_connections: 7,\n"
        "  client_address: trusted-proxies, trusted_proxies: [10.0.0.0/8, '2001:db8::/32'],\n"
        "  idle_timeout: 1500ms, drain_timeout: 0}\n"
        "log: {access: stdout, level: debug}\n",
        "ranges: {directory: \"a: b\\t#\\\"\\\\ \\u00e4\\U0001f600\\N\\L\\P\\e\\ufeff'\",\n"
        "  refresh: 0, max_shrink: 0%}\nlog: {access: 'null'}\n",
        "ranges: {directory: '- x'}\nlog: {access: '~'}\n",
        "ranges: {directory: '{a}'}\nlog: {access: 'x: y'}\n",
        "ranges: {directory: ' a '}\nlog: {access: \"a\\n\\nb \\r\"}\n",
        "ranges: {directory: '*a'}\nlog: {access: '!a'}\n",
        "ranges: {directory: '...'}\nlog: {access: '---'}\n",
        "stores:\n- {name: 'null', url: 'https://a/%20~x', serves: [default, aws, gcp/x]}\n"
        "- {name: 'true', url: 'https://[::1]:1', serves: [aws], index: true}\n"
        "- {name: '1.5', url: 'https://a', serves: ['null', 'null/x', 'no', '1/2']}\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_again(rows[i]);
}

static void every_value_says_where_it_comes_from(void **state)
{
    (void)state;
    char *environment[] = {(char *)(size_t) "PORT=1", NULL};
    struct config *c = configs_good("log:\n  level: debug\n", environment);
    char *text = configs_dumped(c);
    assert_non_null(strstr(text, "level: debug                              # f:2\n"));
    assert_non_null(strstr(text, "# environment PORT\n"));
    assert_non_null(strstr(text, "# preset registry-k8s-io\n"));
    assert_non_null(strstr(text, "# default\n"));
    free(text);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_the_preset_applies),
        cmocka_unit_test(an_upstream_of_ones_own_starts_from_nothing_unless_it_asks),
        cmocka_unit_test(a_list_replaces_and_never_merges),
        cmocka_unit_test(the_environment_overrides_the_file),
        cmocka_unit_test(port_counts_only_where_the_file_sets_no_listen),
        cmocka_unit_test(bad_variables_are_named),
        cmocka_unit_test(a_rate_is_in_requests_an_hour_and_off_by_default),
        cmocka_unit_test(every_mistake_is_told_with_its_place),
        cmocka_unit_test(all_mistakes_are_told_in_the_order_of_their_places),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(what_will_hardly_work_is_warned_of),
        cmocka_unit_test(what_is_printed_reads_back_to_itself),
        cmocka_unit_test(every_value_says_where_it_comes_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
