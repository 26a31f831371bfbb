/* Which addresses are this server's own. */
#include "config/own.h"

#include "configs.h"

static void a_url_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        unsigned port;
    } rows[] = {
        {"https://a.example", "a.example", 443},
        {"http://a.example", "a.example", 80},
        {"https://a.example/b:1/c", "a.example", 443},
        {"http://a.example:8080/b", "a.example", 8080},
        {"https://192.0.2.1:65535", "192.0.2.1", 65535},
        {"https://[2001:db8::1]", "2001:db8::1", 443},
        {"http://[2001:db8::1]:81/x", "2001:db8::1", 81},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct own_authority a = own_authority(rows[i].url);
        assert_true(str_eq(a.host, str_from(rows[i].host)));
        assert_int_equal(a.port, rows[i].port);
    }
}

#define LISTEN "server: {admin: '127.0.0.1:9090', decide: '[::1]:9091', listen: "

static void a_url_that_leads_to_a_listener_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *url, *setting; /* NULL: it leads elsewhere */
    } rows[] = {
        {"['[::]:8080']", "http://127.0.0.1:8080", "server.listen"},
        {"['[::]:8080']", "http://127.9.9.9:8080/x", "server.listen"},
        {"['[::]:8080']", "https://[::1]:8080", "server.listen"},
        {"[':8080']", "http://LocalHost:8080", "server.listen"},
        {"[':8080']", "http://localhost.:8080", "server.listen"},
        {"[':8080']", "http://a.LocalHost:8080", "server.listen"},
        {"[':8080']", "http://alocalhost:8080", NULL},
        {"[':8080']", "http://localhost.example:8080", NULL},
        {"['[::]:8080']", "http://0.0.0.0:8080", "server.listen"},
        {"['[::]:8080']", "http://[::]:8080", "server.listen"},
        {"['[::]:8080']", "http://127.0.0.1:8081", NULL},
        {"['[::]:8080']", "http://127.0.0.1", NULL},
        {"['[::]:80']", "http://127.0.0.1", "server.listen"},
        {"['[::]:443']", "https://127.0.0.1", "server.listen"},
        {"['[::]:443']", "http://127.0.0.1", NULL},
        {"['[::]:8080']", "http://192.0.2.1:8080", NULL}, /* it may be another machine's */
        {"['[::]:8080']", "http://a.example:8080", NULL},
        {"['192.0.2.1:80']", "http://192.0.2.1", "server.listen"},
        {"['192.0.2.1:80']", "http://[::ffff:192.0.2.1]", "server.listen"},
        {"['192.0.2.1:80']", "http://localhost", NULL},
        {"['0.0.0.0:80']", "http://[::1]", NULL},
        {"['0.0.0.0:80']", "http://127.0.0.1", "server.listen"},
        {"['127.0.0.1:80']", "http://localhost", "server.listen"},
        {"['127.0.0.1:80']", "http://127.0.0.2", NULL},
        {"[':1', '192.0.2.1:80']", "http://192.0.2.1", "server.listen"},
        {"[':0']", "http://localhost:0", NULL},
        {"[':1']", "http://localhost:9090", "server.admin"},
        {"[':1']", "http://127.0.0.1:9091", NULL},
        {"[':1']", "http://[::1]:9091", "server.decide"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), LISTEN "%s}\n", rows[i].listen);
        struct config *c = configs_good(text, configs_no_environment);
        struct own_authority to = own_authority(rows[i].url);
        const char *setting = own_listener(c, &to);
        if (rows[i].setting == NULL ? setting != NULL
                                    : setting == NULL || strcmp(setting, rows[i].setting) != 0)
            fail_msg("%s beside %s: %s", rows[i].url, rows[i].listen,
                     setting != NULL ? setting : "none");
        config_free(c);
    }
}

static void two_listeners_want_two_addresses(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"server: {admin: '127.0.0.1:8080'}\n",
         "f:1:17: error: server.admin: \"127.0.0.1:8080\" is taken by server.listen "
         "(\"[::]:8080\"); give it a port of its own\n"},
        {"server:\n  listen: ['192.0.2.1:80', '192.0.2.2:80']\n  decide: '192.0.2.2:80'\n",
         "f:3:11: error: server.decide: \"192.0.2.2:80\" is taken by server.listen "
         "(\"192.0.2.2:80\"); give it a port of its own\n"},
        {"server: {listen: ['127.0.0.1:80'], decide: ':80'}\n", "server.decide: \":80\" is taken"},
        {"server: {decide: '[::]:9090'}\n",
         "f:1:18: error: server.decide: \"[::]:9090\" is taken by server.admin "
         "(\"127.0.0.1:9090\"); give it a port of its own\n"},
        {"server: {admin: ':7000', decide: '10.0.0.1:7000'}\n", "is taken by server.admin"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        configs_assert_said(rows[i][0], rows[i][1]);
}

static void addresses_that_only_look_alike_are_taken(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "server: {listen: ['192.0.2.1:80'], admin: '192.0.2.2:80', decide: '192.0.2.3:80'}\n",
        "server: {listen: ['0.0.0.0:80'], decide: '[::1]:80'}\n",
        "server: {listen: ['127.0.0.1:0'], admin: '127.0.0.1:0', decide: '127.0.0.1:0'}\n",
        "server: {admin: '', decide: '127.0.0.1:9090'}\n",
        "server: {listen: ['[::]:9090']}\n", /* admin is there by default only: serve warns */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        config_free(configs_good(rows[i], configs_no_environment));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(a_url_that_leads_to_a_listener_is_known),
        cmocka_unit_test(two_listeners_want_two_addresses),
        cmocka_unit_test(addresses_that_only_look_alike_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
