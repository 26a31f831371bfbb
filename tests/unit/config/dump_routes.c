/* Routes, providers and upstreams printed, and read again. */
#include "config/dump_routes.h"

#include "config/quote.h"

#include "configs.h"

#define OWN "upstream: {endpoint: 'https://r.example'}\n"

static char *quoted(const char *text, size_t (*quote)(const char *text, FILE *to))
{
    char *out = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);
    assert_non_null(to);
    size_t columns = quote(text, to);
    fclose(to);
    assert_int_equal(columns, len);
    return out;
}

static void a_text_has_quotes_where_it_needs_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"team/app", "team/app"},
        {"https://a.example/x", "https://a.example/x"},
        {"true", "true"}, /* a word like any other in this file */
        {"1.5", "1.5"},
        {"", "\"\""},
        {"null", "\"null\""},
        {"Null", "\"Null\""},
        {"~", "\"~\""},
        {"-a", "\"-a\""},
        {":a", "\":a\""},
        {"a:", "\"a:\""},
        {"a: b", "\"a: b\""},
        {"a #b", "\"a #b\""},
        {"a,b", "\"a,b\""},
        {"[a]", "\"[a]\""},
        {"{a}", "\"{a}\""},
        {"red-*", "\"red-*\""},
        {"*a", "\"*a\""},
        {"&a", "\"&a\""},
        {"!a", "\"!a\""},
        {"'a'", "\"'a'\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"@a", "\"@a\""},
        {"%a", "\"%a\""},
        {"a b", "\"a b\""},
        {"a\n", "\"a\\u000a\""},
        {"\x7f", "\"\\u007f\""},
        {"\xc3\xa4", "\"\\u00e4\""},
        {"\xf0\x9f\x98\x80", "\"\\U0001f600\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = quoted(rows[i][0], quote_text);
        assert_string_equal(text, rows[i][1]);
        free(text);
    }
    char *text = quoted("a", quote_quoted);
    assert_string_equal(text, "\"a\"");
    free(text);
}

static void routes_are_printed_with_every_part(void **state)
{
    (void)state;
    struct config *c = configs_good(
        OWN
        "upstreams: [{name: mirror, endpoint: 'https://m.example', path: a/b}]\n"
        "providers: {amazon: [as16509, aws, as1], 'null': as2}\n"
        "stores: [{name: s3, url: 'https://s3.example', serves: [default]}]\n"
        "routes:\n"
        "- name: all\n"
        "  when: {cloud: aws, region: [x, aws/y], provider: [amazon, 'null'], asn: [7, AS8],\n"
        "    network: [10.0.0.0/8, '::/0'], host: [A.example, '[::1]'], path: ['/v2/**', '/x,y'],\n"
        "    repository: 'e2e/**', kind: [tags, blob], method: [HEAD, GET],\n"
        "    header: {X-Team: [blue, 'red-*', 'a, b'], 'null': '- b'}, share: 5%}\n"
        "  to: [s3, stores, mirror]\n"
        "- {name: links, when: {path: [/a, '/a/**']}, strip: /a/, to: [s3, {url: "
        "'https://u.example/',\n"
        "   status: 302}]}\n"
        "- {name: 'null', to: {status: 404, body: 'no: \"such\" thing'}}\n",
        configs_no_environment);
    char *text = configs_dumped(c);
    configs_cut_comments(text);
    const char *at = strstr(text, "upstreams:\n");
    static const char expected[] = "upstreams:\n"
                                   "  - name: mirror\n"
                                   "    endpoint: https://m.example\n"
                                   "    path: a/b\n"
                                   "providers:\n"
                                   "  amazon: [aws, as16509, as1]\n"
                                   "  \"null\": [as2]\n"
                                   "routes:\n"
                                   "  - name: all\n"
                                   "    when:\n"
                                   "      cloud: [aws]\n"
                                   "      region: [x, aws/y]\n"
                                   "      provider: [amazon, \"null\"]\n"
                                   "      asn: [as7, as8]\n"
                                   "      network: [\"10.0.0.0/8\", \"::/0\"]\n"
                                   "      host: [a.example, \"[::1]\"]\n"
                                   "      path: [\"/v2/**\", \"/x,y\"]\n"
                                   "      repository: [\"e2e/**\"]\n"
                                   "      kind: [blob, tags]\n"
                                   "      method: [GET, HEAD]\n"
                                   "      header:\n"
                                   "        x-team: [blue, \"red-*\", \"a, b\"]\n"
                                   "        \"null\": [\"- b\"]\n"
                                   "      share: 5.00%\n"
                                   "    to:\n"
                                   "      - s3\n"
                                   "      - stores\n"
                                   "      - mirror\n"
                                   "  - name: links\n"
                                   "    when:\n"
                                   "      path: [/a, \"/a/**\"]\n"
                                   "    to:\n"
                                   "      - s3\n"
                                   "      - url: https://u.example\n"
                                   "        status: 302\n"
                                   "    strip: /a\n"
                                   "  - name: \"null\"\n"
                                   "    to:\n"
                                   "      - status: 404\n"
                                   "        body: \"no: \\\"such\\\" thing\"\n";
    assert_non_null(at);
    assert_memory_equal(at, expected, sizeof(expected) - 1);
    free(text);
    config_free(c);
}

static void every_part_says_where_it_comes_from(void **state)
{
    (void)state;
    struct config *c = configs_good(
        OWN "providers:\n  a: [aws]\nroutes:\n- name: r\n  to: upstream\n", configs_no_environment);
    char *text = configs_dumped(c);
    assert_non_null(strstr(text, "upstreams: []                               # default\n"));
    assert_non_null(strstr(text, "providers:                                  # f:3\n"));
    assert_non_null(strstr(text, "  a: [aws]                                  # f:3\n"));
    assert_non_null(strstr(text, "routes:                                     # f:5\n"));
    assert_non_null(strstr(text, "  - name: r                                 # f:5\n"));
    free(text);
    config_free(c);
}

static void what_is_printed_reads_back_to_itself(void **state)
{
    (void)state;
    static const char *const rows[] = {
        OWN "upstreams: [{name: 'true', endpoint: 'https://[::1]:5000/a%20b'}]\n",
        OWN "providers: {as-if: [as1], '1.5': [gcp, 4294967295], 'no': 'null'}\n",
        OWN "routes: [{name: a, to: upstream}]\n",
        OWN "routes: [{name: a, when: {kind: [other, manifest, blob, tags, referrers, signature],\n"
            "  method: [GET, HEAD], share: 100%}, to: [upstream, {status: 404}]}]\n",
        OWN "routes: [{name: a, when: {share: 0.01%}, to: {status: 200}}]\n",
        OWN "routes: [{name: a, when: {share: 33.3%}, to: {status: 200, body: ' '}}]\n",
        OWN "routes: [{name: a, when: {path: '/x/*'}, strip: '', to: {url: 'http://u.example'}}]\n",
        OWN "routes: [{name: a, when: {path: \"/!$&'()*+,;=:@-._~%25\"}, to: {url: "
            "'https://u.example/~',\n"
            "  status: 308}}]\n",
        OWN "routes: [{name: a, when: {header: {\"!#$%&'*+-.^_`|~\": [':', '- a', '\"\\']}}, to: "
            "upstream}]\n",
        OWN
        "routes: [{name: a, when: {network: [0.0.0.0/0, '::ffff:10.0.0.0/104', '2001:DB8::1']},\n"
        "  to: upstream}]\n",
        "routes: [{name: a, when: {repository: a}, to: [s3-us-east-2, stores, upstream]}]\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_again(rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_has_quotes_where_it_needs_them),
        cmocka_unit_test(routes_are_printed_with_every_part),
        cmocka_unit_test(every_part_says_where_it_comes_from),
        cmocka_unit_test(what_is_printed_reads_back_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
