/* The fields that somebody wants beside those that every request is asked for, in both protocols.
 */
#include "http/http1.h"

#include "http2_pair.h"

static const struct http_request_wanted none = {.n = 0};
static const struct http_request_wanted team = {
    .name = {STR_INIT("x-team"), STR_INIT("user-agent"), STR_INIT("x-tier")}, .n = 3, .id = 17};
static const struct http_request_wanted tier = {.name = {STR_INIT("x-tier")}, .n = 1, .id = 18};
enum { TEAM, AGENT, TIER };

/* ── HTTP/1.1 ── */

static struct http_request parse(const struct http_request_wanted *wanted, const char *text)
{
    struct http1_parser parser = {.wanted = wanted};
    struct http_request request;
    memset(&request, 0xa5, sizeof(request));
    assert_int_equal(http1_parse(&parser, text, strlen(text), &request), HTTP1_DONE);
    return request;
}

static void names_are_of_any_case_and_the_first_counts(void **state)
{
    (void)state;
    struct http_request r = parse(&team, "GET / HTTP/1.1\r\nHost: x\r\nX-TEAM: \tblue \r\n"
                                         "x-team: red\r\nUser-Agent: me\r\nX-Teams: no\r\n\r\n");
    assert_int_equal(r.n_wanted, 3);
    assert_int_equal(r.wanted_id, 17);
    check_str(r.wanted[TEAM], "blue");
    check_str(r.wanted[AGENT], "me");
    check_str(r.user_agent, "me");
    assert_null(r.wanted[TIER].data);
}

static void an_empty_value_is_one(void **state)
{
    (void)state;
    struct http_request r =
        parse(&team, "GET / HTTP/1.1\r\nHost: x\r\nX-Team:\r\nX-Team: red\r\n\r\n");
    assert_non_null(r.wanted[TEAM].data);
    check_str(r.wanted[TEAM], "");
}

static void where_nothing_is_wanted_nothing_is_kept(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nX-Team: blue\r\n\r\n";
    const struct http_request_wanted *wanted[] = {NULL, &none};
    for (size_t i = 0; i < 2; i++) {
        struct http_request r = parse(wanted[i], text);
        assert_int_equal(r.n_wanted, 0);
        assert_int_equal(r.wanted_id, 0);
    }
}

/* The bytes lie at another place each time, and the last one to ask is the one who counts. */
static void what_drips_in_is_found_by_what_is_wanted_at_its_end(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nX-Team: blue\r\nX-Tier: gold\r\n\r\n";
    const size_t len = sizeof(text) - 1;
    for (size_t turn = 1; turn < len; turn++) {
        struct http1_parser parser = {0};
        struct http_request r;
        enum http1_result result = HTTP1_MORE;
        char *piece = NULL;
        for (size_t n = 1; n <= len; n++) {
            free(piece);
            piece = malloc(n);
            memcpy(piece, text, n);
            memset(&r, 0xa5, sizeof(r));
            parser.wanted = n <= turn ? &team : &tier;
            result = http1_parse(&parser, piece, n, &r);
        }
        assert_int_equal(result, HTTP1_DONE);
        assert_int_equal(r.wanted_id, 18);
        assert_int_equal(r.n_wanted, 1);
        check_str(r.wanted[0], "gold");
        free(piece);
    }
}

static void a_copy_has_them_in_its_own_memory(void **state)
{
    (void)state;
    char text[] = "GET /x HTTP/1.1\r\nHost: h\r\nX-Tier:\r\nX-Team: blue\r\n\r\n";
    struct http_request r = parse(&team, text), copied;
    size_t size = http_request_size(&r);
    assert_int_equal(size, strlen("GET") + strlen("/x") + strlen("h") + strlen("blue"));
    char *memory = malloc(size);
    http_request_copy(&copied, &r, memory);
    memset(text, '-', sizeof(text));
    check_str(copied.target, "/x");
    check_str(copied.wanted[TEAM], "blue");
    check_str(copied.wanted[TIER], "");
    assert_non_null(copied.wanted[TIER].data);
    assert_null(copied.wanted[AGENT].data);
    assert_int_equal(copied.wanted_id, 17);
    free(memory);
}

/* ── HTTP/2 ── */

static void the_same_holds_in_http2(void **state)
{
    (void)state;
    struct pair *p = begin();
    const nghttp2_nv fields[] = {
        FIELD(":authority", "x.test"), FIELD("x-team", "blue"), FIELD("x-team", "red"),
        FIELD("user-agent", "me"),     FIELD("x-tier", ""),     FIELD("x-tier", "gold"),
    };
    http2_want(p->server, &team);
    ask_with(p, "GET", "/", fields, 6);
    run(p);
    assert_int_equal(p->n_wanted, 3);
    assert_int_equal(p->wanted_id, 17);
    assert_string_equal(p->wanted[TEAM], "blue");
    assert_string_equal(p->wanted[AGENT], "me");
    assert_string_equal(p->agent, "me");
    assert_true(p->came[TIER]);
    assert_string_equal(p->wanted[TIER], "");
    ask_with(p, "GET", "/", fields, 1);
    run(p);
    assert_false(p->came[TEAM] || p->came[AGENT] || p->came[TIER]);
    http2_want(p->server, &none);
    ask_with(p, "GET", "/", fields, 6);
    run(p);
    assert_int_equal(p->n_wanted, 0);
    assert_int_equal(p->wanted_id, 0);
    end(p);
}

/* Each kept value holds memory of nghttp2's: however many fields there are, it is bounded. */
static void as_many_fields_as_there_may_be_are_kept(void **state)
{
    (void)state;
    static const struct http_request_wanted forwarded = {
        .name = {STR_INIT("x-forwarded-for"), STR_INIT("x-forwarded-for")}, .n = 2, .id = 19};
    nghttp2_nv fields[HTTP_REQUEST_FIELDS_MAX - 3];
    const size_t n = sizeof(fields) / sizeof(fields[0]);
    struct pair *p = begin();
    http2_want(p->server, &forwarded);
    fields[0] = FIELD(":authority", "x.test");
    for (size_t i = 1; i < n; i++)
        fields[i] = FIELD("x-forwarded-for", "192.0.2.1");
    struct heard *h = ask_with(p, "GET", "/", fields, n);
    run(p);
    assert_int_equal(h->status, 307);
    assert_int_equal(p->n_forwarded, n - 1);
    assert_string_equal(p->wanted[1], "192.0.2.1");
    end(p);
}

/* A reload in the midst of a request's fields: some that are wanted now may have gone by, so the
 * client is told to ask again, or it comes whole. */
static void what_is_wanted_may_change_while_fields_come(void **state)
{
    (void)state;
    const nghttp2_nv fields[] = {FIELD(":authority", "x.test"), FIELD("x-team", "blue"),
                                 FIELD("x-tier", "gold")};
    static char bytes[4096];
    unsigned refused = 0, taken = 0;
    for (size_t cut = 1;; cut++) {
        struct pair *p = begin();
        const uint8_t *data;
        size_t len = 0;
        run(p);
        http2_want(p->server, &team);
        const struct heard *h = ask_with(p, "GET", "/", fields, 3);
        for (ssize_t n; (n = nghttp2_session_mem_send(p->client, &data)) > 0; len += (size_t)n)
            memcpy(bytes + len, data, (size_t)n);
        if (cut == len) {
            end(p);
            assert_true(refused > 0 && taken > 0);
            return;
        }
        assert_true(http2_receive(p->server, bytes, cut, 0));
        http2_want(p->server, &tier);
        assert_true(http2_receive(p->server, bytes + cut, len - cut, 0));
        run(p);
        if (h->reset) {
            assert_int_equal(h->code, NGHTTP2_REFUSED_STREAM);
            assert_int_equal(p->requests, 0);
            refused++;
        } else {
            assert_int_equal(p->requests, 1);
            assert_int_equal(p->wanted_id, 18);
            assert_string_equal(p->wanted[0], "gold");
            taken++;
        }
        end(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_of_any_case_and_the_first_counts),
        cmocka_unit_test(an_empty_value_is_one),
        cmocka_unit_test(where_nothing_is_wanted_nothing_is_kept),
        cmocka_unit_test(what_drips_in_is_found_by_what_is_wanted_at_its_end),
        cmocka_unit_test(a_copy_has_them_in_its_own_memory),
        cmocka_unit_test(the_same_holds_in_http2),
        cmocka_unit_test(as_many_fields_as_there_may_be_are_kept),
        cmocka_unit_test(what_is_wanted_may_change_while_fields_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
