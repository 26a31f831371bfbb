/* Thousands of damaged configurations: each is read or refused with a reason, none does harm. */
#include "config/config.h"
#include "config/dump.h"

#include "chance.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 4000

static const char seed[] =
    "preset: registry-k8s-io\n"
    "server:\n"
    "  listen:\n"
    "  - \"[::]:8080\"\n"
    "  - address: 127.0.0.1:0\n"
    "    tls: [{certificate: a, key: b}]\n"
    "    protocols: [h2]\n"
    "    proxy_protocol: [10.0.0.0/8]\n"
    "  admin: 127.0.0.1:9090\n"
    "  workers: auto\n"
    "  client_address: trusted-proxies\n"
    "  trusted_proxies: [10.0.0.0/8, 2001:db8::/32]\n"
    "  idle_timeout: 620s\n"
    "rate_limit: {rate: 50/s, burst: 9, exempt: ['::1']}\n"
    "log: {access: \"\\u00e4\\n\", level: info}\n"
    "upstream:\n"
    "  endpoint: https://registry.example.com\n"
    "  path: mirror/images\n"
    "  blobs_for: [gcp]\n"
    "stores:\n"
    "  - name: a\n"
    "    url: https://a.example.com/\n"
    "    serves: [aws/eu-west-3, default]\n"
    "  - {name: b, url: 'http://b', serves: [azure]}\n"
    "upstreams: [{name: m, endpoint: 'https://m.example', path: x}]\n"
    "providers: {amazon: [aws, as16509, 14618]}\n"
    "routes:\n"
    "- name: r\n"
    "  when: {cloud: aws, region: [aws/x], provider: amazon, asn: as1,\n"
    "    network: [10.0.0.0/8], host: d.example, path: ['/v2/**'],\n"
    "    repository: 'a/**', kind: [blob], method: GET,\n"
    "    header: {x: [a, 'b*']}, share: 5%}\n"
    "  to: [a, stores, m, {url: 'https://u.example', status: 302}]\n"
    "- {name: s, when: {path: '/a/**'}, strip: /a, to: {status: 404, body: n}}\n"
    "existence: {memory: 64MiB, wait: 2s}\n";

static size_t mutate(char *text, size_t len, size_t size)
{
    static const char *const pieces[] = {
        "&a ",     "*a", "!!x ",  "\n---\n", "- ",   "{",   "]",
        "? ",      "\t", "\xff",  "|\n",     ">-\n", "#",   "\"",
        "server:", "\0", "%YAML", "<<: ",    "~",    "\\x", "99999999999999999999"};
    for (size_t edits = 1 + chance_below(6); edits > 0; edits--) {
        size_t at = chance_below(len), n = 1 + chance_below(12);
        const char *piece = pieces[chance_below(sizeof(pieces) / sizeof(pieces[0]))];
        size_t piece_len = piece[0] == '\0' ? 1 : strlen(piece);
        switch (chance_below(4)) {
        case 0:
            text[at] = (char)chance_below(256);
            break;
        case 1:
            n = n < len - at ? n : len - at - 1;
            memmove(text + at, text + at + n, len - at - n);
            len -= n;
            break;
        case 2:
            if (len + piece_len >= size)
                break;
            memmove(text + at + piece_len, text + at, len - at);
            memcpy(text + at, piece, piece_len);
            len += piece_len;
            break;
        default:
            n = n < len - at ? n : len - at;
            memmove(text + chance_below((uint32_t)(len - n + 1)), text + at, n);
            break;
        }
    }
    return len;
}

static void assert_harmless(const char *text, size_t len)
{
    static char *no_environment[] = {NULL};
    struct diag d = {0};
    char *exact = malloc(len > 0 ? len : 1); /* so that a byte too many is seen */
    memcpy(exact, text, len);
    struct config *c = config_parse("f", exact, len, no_environment, &d);
    free(exact);
    assert_int_equal(c == NULL, d.n_errors > 0);
    if (c != NULL) {
        char *dump = NULL;
        size_t dump_len = 0;
        FILE *to = open_memstream(&dump, &dump_len);
        dump_config(c, to);
        fclose(to);
        struct diag again = {0};
        struct config *same = config_parse("dump", dump, dump_len, no_environment, &again);
        assert_non_null(same);
        assert_string_equal(same->log.access, c->log.access);
        assert_int_equal(same->n_stores, c->n_stores);
        assert_int_equal(same->server.n_listen, c->server.n_listen);
        config_free(same);
        diag_clear(&again);
        free(dump);
    }
    config_free(c);
    diag_clear(&d);
}

static void damaged_files_are_read_or_refused(void **state)
{
    (void)state;
    char text[2 * sizeof(seed)];
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(text, seed, sizeof(seed));
        size_t len = mutate(text, sizeof(seed) - 1, sizeof(text));
        assert_harmless(text, len);
    }
}

static void files_cut_short_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(seed); len++)
        assert_harmless(seed, len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_cut_short_are_read_or_refused),
        cmocka_unit_test(damaged_files_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
