#include <archeio/client.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FIELDS_MAX = 4 };

struct row {
    enum client_mode mode;
    const char *peer;
    const char *fields[FIELDS_MAX];
    enum client_result result;
    const char *client;
};

/* Shorter names, so that a row is a line. */
#define PEER CLIENT_PEER
#define LB CLIENT_GOOGLE_LB
#define PROXIES CLIENT_TRUSTED_PROXIES
#define REAL CLIENT_X_REAL_IP
#define SOCKET CLIENT_FROM_PEER
#define HEADER CLIENT_FROM_HEADER
#define UNUSABLE CLIENT_UNUSABLE

/* The listed proxies of the rows below. */
static const char *const trusted[] = {"10.0.0.0/8", "192.0.2.128/25", "2001:db8:f::/48"};

/* clang-format off */
static const struct row rows[] = {
    /* The socket only. */
    {PEER, "192.0.2.1", {NULL}, SOCKET, "192.0.2.1"},
    {PEER, "192.0.2.1", {"203.0.113.1"}, SOCKET, "192.0.2.1"},
    {PEER, "192.0.2.1", {"203.0.113.1, 203.0.113.2"}, SOCKET, "192.0.2.1"},
    {PEER, "2001:db8::1", {"junk"}, SOCKET, "2001:db8::1"},
    {PEER, "::ffff:192.0.2.1", {NULL}, SOCKET, "192.0.2.1"},
    {PEER, "10.0.0.1", {"203.0.113.1"}, SOCKET, "10.0.0.1"},

    /* The one address that a proxy has written; of several fields the first. */
    {REAL, "192.0.2.1", {NULL}, SOCKET, "192.0.2.1"},
    {REAL, "192.0.2.1", {"203.0.113.1"}, HEADER, "203.0.113.1"},
    {REAL, "192.0.2.1", {" 203.0.113.1:4711\t"}, HEADER, "203.0.113.1"},
    {REAL, "192.0.2.1", {"2001:db8::5"}, HEADER, "2001:db8::5"},
    {REAL, "192.0.2.1", {"[2001:db8::5]:443"}, HEADER, "2001:db8::5"},
    {REAL, "192.0.2.1", {"::ffff:203.0.113.1"}, HEADER, "203.0.113.1"},
    {REAL, "192.0.2.1", {"203.0.113.1", "203.0.113.2"}, HEADER, "203.0.113.1"},
    {REAL, "192.0.2.1", {"203.0.113.1, 203.0.113.2"}, UNUSABLE, "-"},
    {REAL, "192.0.2.1", {"junk", "203.0.113.2"}, UNUSABLE, "-"},
    {REAL, "192.0.2.1", {""}, UNUSABLE, "-"},
    {REAL, "192.0.2.1", {"203.0.113.01"}, UNUSABLE, "-"},

    /* The load balancer: the second from the right. */
    {LB, "192.0.2.1", {NULL}, SOCKET, "192.0.2.1"},
    {LB, "192.0.2.1", {"203.0.113.1,198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"203.0.113.1, 198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {" \t203.0.113.1\t , 198.51.100.1 "}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"2001:db8::5, 198.51.100.1"}, HEADER, "2001:db8::5"},
    {LB, "192.0.2.1", {"203.0.113.1, junk"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"203.0.113.1,"}, HEADER, "203.0.113.1"},
    /* What the client sent itself is not looked at. */
    {LB, "192.0.2.1", {"3.3.3.3, 203.0.113.1, 198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"junk, 203.0.113.1, 198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {",,,,203.0.113.1,198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"\"3.3.3.3, 4.4.4.4\", 203.0.113.1, 198.51.100.1"}, HEADER, "203.0.113.1"},
    /* Field lines are joined. */
    {LB, "192.0.2.1", {"203.0.113.1", "198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"3.3.3.3", "203.0.113.1, 198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"3.3.3.3, 203.0.113.1", "198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"3.3.3.3", "203.0.113.1", "198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"203.0.113.1, 198.51.100.1", ""}, HEADER, "198.51.100.1"},
    {LB, "192.0.2.1", {"203.0.113.1", "", "198.51.100.1"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"", "198.51.100.1"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"", ""}, UNUSABLE, "-"},
    /* Too few, or none. */
    {LB, "192.0.2.1", {""}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {" "}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {","}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {", 198.51.100.1"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1,,198.51.100.1"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1, ,198.51.100.1"}, UNUSABLE, "-"},
    /* Ports and brackets. */
    {LB, "192.0.2.1", {"203.0.113.1:80, 198.51.100.1"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"203.0.113.1:65535,x"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"203.0.113.1:0,x"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"203.0.113.1:65536,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1:,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1:http,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1:80:80,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1 :80,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[2001:db8::5],x"}, HEADER, "2001:db8::5"},
    {LB, "192.0.2.1", {"[2001:db8::5]:443,x"}, HEADER, "2001:db8::5"},
    {LB, "192.0.2.1", {" [2001:db8::5]:443 ,x"}, HEADER, "2001:db8::5"},
    {LB, "192.0.2.1", {"[::ffff:203.0.113.1]:443,x"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"[2001:db8::5]443,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[2001:db8::5]:,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[2001:db8::5]:99999,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[2001:db8::5,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"2001:db8::5],x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[203.0.113.1],x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[],x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"],x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[[2001:db8::5]],x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {":80,x"}, UNUSABLE, "-"},
    /* What two readers might read differently. */
    {LB, "192.0.2.1", {"::ffff:203.0.113.1,x"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"::FFFF:cb00:7101,x"}, HEADER, "203.0.113.1"},
    {LB, "192.0.2.1", {"fe80::1%eth0,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"[fe80::1%25eth0],x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"0313.0.113.1,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.01,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"0xcb.0.113.1,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.113.1,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"3405803777,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1;x,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"for=203.0.113.1,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"\"203.0.113.1\",x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1 203.0.113.2,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1/24,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"unknown,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"client.example,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"203.0.113.1\x01,x"}, UNUSABLE, "-"},
    {LB, "192.0.2.1", {"\xff\xfe,x"}, UNUSABLE, "-"},

    /* Listed proxies: the first from the right that is none. */
    {PROXIES, "203.0.113.9", {NULL}, SOCKET, "203.0.113.9"},
    {PROXIES, "203.0.113.9", {"3.3.3.3"}, SOCKET, "203.0.113.9"},
    {PROXIES, "203.0.113.9", {"junk"}, SOCKET, "203.0.113.9"},
    {PROXIES, "2001:db8:e::1", {"3.3.3.3"}, SOCKET, "2001:db8:e::1"},
    {PROXIES, "10.0.0.1", {NULL}, SOCKET, "10.0.0.1"},
    {PROXIES, "10.0.0.1", {"3.3.3.3"}, HEADER, "3.3.3.3"},
    {PROXIES, "::ffff:10.0.0.1", {"3.3.3.3"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"4.4.4.4, 3.3.3.3"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"junk, 3.3.3.3"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"4.4.4.4, 3.3.3.3, 10.1.1.1, 192.0.2.129"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"3.3.3.3, 10.1.1.1:8080"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"3.3.3.3, ::ffff:10.1.1.1"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"3.3.3.3", "10.1.1.1"}, HEADER, "3.3.3.3"},
    {PROXIES, "10.0.0.1", {"10.1.1.1", "3.3.3.3"}, HEADER, "3.3.3.3"},
    {PROXIES, "2001:db8:f::1", {"2001:db8:a::1, 2001:db8:f::2"}, HEADER, "2001:db8:a::1"},
    {PROXIES, "10.0.0.1", {"192.0.2.127, 192.0.2.128"}, HEADER, "192.0.2.127"},
    {PROXIES, "10.0.0.1", {"10.3.3.3, 10.2.2.2"}, HEADER, "10.3.3.3"},
    {PROXIES, "10.0.0.1", {"10.3.3.3", "10.2.2.2", "10.1.1.1"}, HEADER, "10.3.3.3"},
    {PROXIES, "10.0.0.1", {"3.3.3.3, junk"}, UNUSABLE, "-"},
    {PROXIES, "10.0.0.1", {"3.3.3.3, junk, 10.1.1.1"}, UNUSABLE, "-"},
    {PROXIES, "10.0.0.1", {"3.3.3.3,, 10.1.1.1"}, UNUSABLE, "-"},
    {PROXIES, "10.0.0.1", {""}, UNUSABLE, "-"},
    {PROXIES, "10.0.0.1", {"3.3.3.3", ""}, UNUSABLE, "-"},
    {PROXIES, "10.0.0.1", {"3.3.3.3, 010.1.1.1"}, UNUSABLE, "-"},
    {PROXIES, "10.0.0.1", {", 10.1.1.1"}, UNUSABLE, "-"},
};
/* clang-format on */

static void *open_proxies(struct lpm *table, const char *const *prefixes, size_t n)
{
    struct lpm_entry entries[COUNT(trusted)] = {0};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(prefix_parse(str_from(prefixes[i]), &entries[i].prefix), PREFIX_OK);
    size_t scratch_size = lpm_scratch_size(n);
    void *image = malloc(lpm_image_bound(entries, n)), *scratch = malloc(scratch_size);
    assert_non_null(image);
    assert_non_null(scratch);
    size_t size = lpm_build(entries, n, scratch, scratch_size, image);
    assert_null(lpm_open(table, image, size));
    free(scratch);
    return image;
}

/* Calls with every field in memory that ends with it, so that a read past an end is seen. */
static enum client_result ask(const struct row *row, const struct lpm *proxies, struct addr *client)
{
    struct client_rules rules = {.mode = row->mode, .proxies = proxies};
    struct str fields[FIELDS_MAX];
    char *owned[FIELDS_MAX];
    struct addr peer;
    size_t n = 0;
    assert_true(addr_parse(str_from(row->peer), &peer));
    for (; n < FIELDS_MAX && row->fields[n] != NULL; n++) {
        size_t len = strlen(row->fields[n]);
        owned[n] = malloc(len + (len == 0));
        assert_non_null(owned[n]);
        memcpy(owned[n], row->fields[n], len);
        fields[n] = str_make(owned[n], len);
    }
    enum client_result result = client_address(&rules, &peer, fields, n, client);
    while (n > 0)
        free(owned[--n]);
    return result;
}

static void every_row_names_the_client_it_should(void **state)
{
    (void)state;
    struct lpm proxies;
    void *image = open_proxies(&proxies, trusted, COUNT(trusted));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct addr client;
        char text[ADDR_TEXT_MAX];
        memset(&client, 0x5a, sizeof(client));
        enum client_result result = ask(&rows[i], &proxies, &client);
        addr_format(&client, text);
        if (result != rows[i].result || strcmp(text, rows[i].client) != 0)
            fail_msg("row %zu (%s, \"%s\"): %d %s instead of %d %s", i, rows[i].peer,
                     rows[i].fields[0] != NULL ? rows[i].fields[0] : "", (int)result, text,
                     (int)rows[i].result, rows[i].client);
        if (result == CLIENT_UNUSABLE)
            assert_memory_equal(&client, &(struct addr){0}, sizeof(client));
    }
    free(image);
}

static void without_listed_proxies_the_socket_counts(void **state)
{
    (void)state;
    struct lpm none;
    void *image = open_proxies(&none, trusted, 0);
    struct row row = {PROXIES, "10.0.0.1", {"3.3.3.3"}, SOCKET, "10.0.0.1"};
    struct addr client;
    assert_int_equal(ask(&row, &none, &client), CLIENT_FROM_PEER);
    assert_int_equal(client.bytes[0], 10);
    free(image);
}

static void a_peer_without_an_address_is_of_no_family(void **state)
{
    (void)state;
    struct lpm proxies;
    void *image = open_proxies(&proxies, trusted, COUNT(trusted));
    const struct str field = STR("3.3.3.3, 4.4.4.4");
    for (int mode = CLIENT_PEER; mode <= CLIENT_X_REAL_IP; mode++) {
        struct client_rules rules = {.mode = (enum client_mode)mode, .proxies = &proxies};
        struct addr client, peer = {0};
        struct str one = mode == CLIENT_X_REAL_IP ? STR("3.3.3.3") : field;
        bool header = mode == CLIENT_GOOGLE_LB || mode == CLIENT_X_REAL_IP;
        assert_int_equal(client_address(&rules, &peer, &one, 1, &client),
                         header ? CLIENT_FROM_HEADER : CLIENT_FROM_PEER);
        assert_int_equal(client.family, header ? ADDR_V4 : ADDR_NONE);
    }
    free(image);
}

static void ten_thousand_spoofed_entries_do_not_count(void **state)
{
    (void)state;
    size_t n = 0, room = 100000;
    char *text = malloc(room);
    assert_non_null(text);
    for (int i = 0; i < 10000; i++)
        n += (size_t)snprintf(text + n, room - n, "3.3.3.3,");
    n += (size_t)snprintf(text + n, room - n, "203.0.113.1,198.51.100.1");
    struct client_rules rules = {.mode = CLIENT_GOOGLE_LB};
    struct addr client, peer = {0};
    struct str field = str_make(text, n);
    assert_int_equal(client_address(&rules, &peer, &field, 1, &client), CLIENT_FROM_HEADER);
    assert_int_equal(client.bytes[0], 203);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_names_the_client_it_should),
        cmocka_unit_test(without_listed_proxies_the_socket_counts),
        cmocka_unit_test(a_peer_without_an_address_is_of_no_family),
        cmocka_unit_test(ten_thousand_spoofed_entries_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
