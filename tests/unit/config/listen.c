/* The list of listeners: what it may say, every error with its place, and printing it again. */
#include "config/listen.h"

#include "configs.h"

static void a_listener_says_its_files_protocols_and_proxies(void **state)
{
    (void)state;
    struct config *c =
        configs_good("server:\n"
                     "  client_address: peer\n"
                     "  listen:\n"
                     "  - '[::]:80'\n"
                     "  - address: '[::]:443'\n"
                     "    tls: {certificate: a.crt, key: a.key}\n"
                     "  - address: '[::]:444'\n"
                     "    tls:\n"
                     "    - {certificate: a.crt, key: a.key}\n"
                     "    - {key: b.key, certificate: b.crt}\n"
                     "    protocols: [h2]\n"
                     "    proxy_protocol: [10.0.0.0/8, '2001:db8::/32']\n"
                     "  - {address: ':81', protocols: [h2, http/1.1], proxy_protocol: []}\n",
                     configs_no_environment);
    const struct config_listen *l = c->server.listen;
    assert_int_equal(c->server.n_listen, 4);
    assert_int_equal(l[0].n_certificates, 0);
    assert_int_equal(l[0].protocols, CONFIG_PROTOCOL_HTTP1 | CONFIG_PROTOCOL_H2);
    assert_int_equal(l[0].proxy_protocol.n, 0);
    assert_string_equal(l[1].address, "[::]:443");
    assert_int_equal(l[1].n_certificates, 1);
    assert_string_equal(l[1].certificate[0].key, "a.key");
    assert_int_equal(l[1].protocols, CONFIG_PROTOCOL_HTTP1 | CONFIG_PROTOCOL_H2);
    assert_int_equal(l[2].n_certificates, 2);
    assert_string_equal(l[2].certificate[1].certificate, "b.crt");
    assert_int_equal(l[2].certificate[1].certificate_origin.line, 10);
    assert_int_equal(l[2].certificate[1].key_origin.column, 13);
    assert_int_equal(l[2].protocols, CONFIG_PROTOCOL_H2);
    assert_int_equal(l[2].proxy_protocol.n, 2);
    assert_int_equal(l[2].proxy_protocol.prefix[1].bits, 32);
    assert_int_equal(l[2].origin.line, 7);
    assert_int_equal(l[3].protocols, CONFIG_PROTOCOL_HTTP1 | CONFIG_PROTOCOL_H2);
    assert_int_equal(l[3].proxy_protocol.n, 0);
    config_free(c);
}

static void every_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"server: {listen: {address: ':80'}}\n", "f:1:18: error: server.listen: expected a list"},
        {"server: {listen: [{tls: {certificate: a, key: b}}]}\n",
         "f:1:19: error: server.listen: a listener without address"},
        {"server: {listen: [{address: ':80', prtocols: [h2]}]}\n",
         "f:1:36: error: server.listen: unknown key \"prtocols\"; did you mean \"protocols\"?"},
        {"server: {listen: [{address: ':80', zzz: 1}]}\n",
         "expected address, tls, protocols and proxy_protocol"},
        {"server: {listen: [{address: ':80', address: ':81'}]}\n",
         "f:1:36: error: server.listen: address is given twice in one listener; first in line 1"},
        {"server: {listen: [':80', {address: ':80'}]}\n",
         "f:1:36: error: server.listen: expected every address once"},
        {"server: {listen: [{address: localhost}]}\n", "no host name"},
        {"server: {listen: [{address: ':80', protocols: [h3]}]}\n",
         "f:1:48: error: server.listen: protocols: expected http/1.1 or h2, got \"h3\""},
        {"server: {listen: [{address: ':80', protocols: [http1.1]}]}\n",
         "did you mean \"http/1.1\"?"},
        {"server: {listen: [{address: ':80', protocols: []}]}\n",
         "a list such as [http/1.1, h2], got an empty list"},
        {"server: {listen: [{address: ':80', protocols: h2}]}\n", "a list such as [http/1.1, h2]"},
        {"server: {listen: [{address: ':80', protocols: [h2, h2]}]}\n", "every protocol once"},
        {"server: {listen: [{address: ':80', protocols: [{a: b}]}]}\n", "got a mapping"},
        {"server: {listen: [{address: ':80', proxy_protocol: true}]}\n",
         "server.listen: proxy_protocol: expected a list of prefixes"},
        {"server: {listen: [{address: ':80', proxy_protocol: [10.0.0.0/33]}]}\n",
         "f:1:53: error: server.listen: proxy_protocol: expected a prefix"},
        {"server: {listen: [{address: ':443', tls: a.pem}]}\n",
         "server.listen: tls: expected certificate and key, or a list of such pairs"},
        {"server: {listen: [{address: ':443', tls: []}]}\n", "at least one certificate and key"},
        {"server: {listen: [{address: ':443', tls: [a.pem]}]}\n",
         "expected a pair of files (certificate and key), got \"a.pem\""},
        {"server: {listen: [{address: ':443', tls: {certificate: a.pem}}]}\n",
         "f:1:42: error: server.listen: tls: a pair of files without key; expected \"key: ...\""},
        {"server: {listen: [{address: ':443', tls: {cert: a, key: b}}]}\n",
         "unknown key \"cert\"; expected certificate and key"},
        {"server: {listen: [{address: ':443', tls: {certificate: '', key: b}}]}\n",
         "server.listen: certificate: expected a file, got \"\""},
        {"server: {listen: [{address: ':443', tls: {certificate: a, key: [b]}}]}\n",
         "server.listen: key: expected a file, got a list"},
        {"server:\n  client_address: peer\n  listen:\n  - address: ':443'\n    tls:\n"
         "    - {certificate: a, key: b}\n    - {certificate: a, key: c}\n",
         "f:7:21: error: server.listen: certificate: \"a\" is listed twice; first in line 6"},
        {"server:\n  listen:\n  - ':80'\n  - {address: ':443', tls: {certificate: a, key: b}}\n",
         "f:4:5: error: server.listen: tls needs server.client_address in the file"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    configs_assert_too_many("server:\n  listen:\n", "  - ':", "'\n", 65, "at most 64 addresses");
    configs_assert_too_many("server:\n  listen:\n  - address: ':1'\n    tls:\n",
                            "    - {certificate: c", ", key: k}\n", 1025,
                            "f:1029:7: error: server.listen: tls: expected at most 1024");
}

static void what_is_printed_reads_back_to_itself(void **state)
{
    (void)state;
    configs_assert_again(
        "server: {client_address: peer, max_connections_per_client: 9, listen: [':1', {address: "
        "':2', tls: {certificate: 'a,b: c', key: \"\\u00e4\"}, protocols: [h2]},\n"
        "  {address: ':3', tls: [{certificate: a, key: '~'}, {certificate: '{b}', key: x}],\n"
        "  proxy_protocol: [10.0.0.0/8, '::/0']}, {address: ':4', proxy_protocol: ['::1']}]}\n"
        "rate_limit: {rate: 90/m, burst: 1, exempt: [10.0.0.0/8, '::1'], memory: 64KiB}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_says_its_files_protocols_and_proxies),
        cmocka_unit_test(every_mistake_is_told_with_its_place),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(what_is_printed_reads_back_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
