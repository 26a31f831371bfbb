/* What the parser finds in a request that it takes. */
#include "check.h"

#include "http/http1.h"

static struct http_request parse(const char *text)
{
    struct http1_parser parser = {0};
    struct http_request request;
    memset(&request, 0xa5, sizeof(request));
    assert_int_equal(http1_parse(&parser, text, strlen(text), &request), HTTP1_DONE);
    assert_int_equal(request.head_size, strlen(text));
    return request;
}

static void a_containerd_request_is_read(void **state)
{
    (void)state;
    struct http_request r = parse("GET /v2/pause/blobs/sha256:ab?ns=x HTTP/1.1\r\n"
                                  "Host: registry.example.org\r\n"
                                  "User-Agent: containerd/1.7.13\r\n"
                                  "Accept: application/vnd.oci.image.manifest.v1+json, */*\r\n"
                                  "Accept-Encoding: gzip\r\n"
                                  "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-01\r\n"
                                  "X-Cloud-Trace-Context: 105445aa7843bc8bf206b12000100000/1\r\n"
                                  "X-Forwarded-For: 192.0.2.1, 130.211.0.1\r\n\r\n");
    assert_int_equal(r.method, DECIDE_GET);
    check_str(r.method_text, "GET");
    check_str(r.target, "/v2/pause/blobs/sha256:ab?ns=x");
    check_str(r.host, "registry.example.org");
    check_str(r.user_agent, "containerd/1.7.13");
    check_str(r.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-01");
    check_str(r.cloud_trace, "105445aa7843bc8bf206b12000100000/1");
    assert_int_equal(r.n_forwarded_for, 1);
    check_str(r.forwarded_for[0], "192.0.2.1, 130.211.0.1");
    assert_false(r.http10);
    assert_false(r.close);
}

static void what_did_not_come_is_empty(void **state)
{
    (void)state;
    struct http_request r = parse("HEAD / HTTP/1.0\r\n\r\n");
    assert_int_equal(r.method, DECIDE_HEAD);
    check_str(r.host, "");
    check_str(r.user_agent, "");
    check_str(r.traceparent, "");
    check_str(r.cloud_trace, "");
    assert_int_equal(r.n_forwarded_for, 0);
    assert_true(r.http10);
    assert_true(r.close);
}

static void forwarded_for_lines_keep_their_order(void **state)
{
    (void)state;
    struct http_request r = parse("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For:  a \r\n"
                                  "x-forwarded-for:\r\nX-FORWARDED-FOR: b,c\t\r\n"
                                  "X-Forwarded-Fox: d\r\nAccept-Encoding: e\r\n\r\n");
    assert_int_equal(r.n_forwarded_for, 3);
    check_str(r.forwarded_for[0], "a");
    check_str(r.forwarded_for[1], "");
    check_str(r.forwarded_for[2], "b,c");
}

static void of_fields_for_the_log_the_first_counts(void **state)
{
    (void)state;
    struct http_request r = parse("GET / HTTP/1.1\r\nUser-Agent: first\r\nHost: x\r\n"
                                  "User-Agent: second\r\nTraceparent: 1\r\nTraceparent: 2\r\n\r\n");
    check_str(r.user_agent, "first");
    check_str(r.traceparent, "1");
}

static void the_authority_of_absolute_form_is_the_host(void **state)
{
    (void)state;
    struct http_request r =
        parse("GET http://X.example:80/a HTTP/1.1\r\nHost: x.EXAMPLE:80\r\n\r\n");
    check_str(r.target, "http://X.example:80/a");
    check_str(r.host, "X.example:80");
    r = parse("GET https://y.example?q/z HTTP/1.0\r\n\r\n");
    check_str(r.host, "y.example");
}

static void the_connection_field_is_a_list(void **state)
{
    (void)state;
    assert_true(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: a, Close\r\n\r\n").close);
    assert_false(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: closer,\r\n\r\n").close);
    assert_false(parse("GET / HTTP/1.0\r\nConnection: ,KEEP-ALIVE\r\n\r\n").close);
    assert_true(
        parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n").close);
}

static void a_name_that_only_looks_like_one_is_another(void **state)
{
    (void)state;
    /* Bytes that differ in the bit between lower and upper case, but are no letters. */
    struct http_request r = parse("GET / HTTP/1.1\r\nHost: x\r\nUser^Agent: a\r\nUser_Agent: b\r\n"
                                  "X-Forwarded_For: c\r\nContent_Length: 5\r\n"
                                  "Transfer_Encoding: chunked\r\nConnectiom: close\r\n\r\n");
    check_str(r.user_agent, "");
    assert_int_equal(r.n_forwarded_for, 0);
    assert_false(r.close);
}

static void pipelined_requests_begin_where_the_one_before_ends(void **state)
{
    (void)state;
    static const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                               "\r\nGET /bc HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /d HTTP/1.1\r\nHost: x\r\n";
    static const char *const targets[] = {"/a", "/bc"};
    size_t at = 0;
    struct http1_parser parser;
    struct http_request request;
    for (size_t i = 0; i < 2; i++) {
        parser = (struct http1_parser){0};
        assert_int_equal(http1_parse(&parser, text + at, strlen(text + at), &request), HTTP1_DONE);
        check_str(request.target, targets[i]);
        at += request.head_size;
    }
    parser = (struct http1_parser){0};
    assert_int_equal(http1_parse(&parser, text + at, strlen(text + at), &request), HTTP1_MORE);
}

/* The time for a head that drips in would grow with the square of its size if it did. */
static void what_was_scanned_is_not_scanned_again(void **state)
{
    (void)state;
    static char data[HTTP1_FIELD_MAX];
    memset(data, 'v', sizeof(data));
    memcpy(data, "GET / HTTP/1.1\r\nA: ", 19);
    struct http1_parser parser = {0};
    struct http_request request;
    for (size_t len = 1; len <= sizeof(data); len++) {
        assert_int_equal(http1_parse(&parser, data, len, &request), HTTP1_MORE);
        assert_true(parser.scanned >= len - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_containerd_request_is_read),
        cmocka_unit_test(what_did_not_come_is_empty),
        cmocka_unit_test(forwarded_for_lines_keep_their_order),
        cmocka_unit_test(of_fields_for_the_log_the_first_counts),
        cmocka_unit_test(the_authority_of_absolute_form_is_the_host),
        cmocka_unit_test(the_connection_field_is_a_list),
        cmocka_unit_test(a_name_that_only_looks_like_one_is_another),
        cmocka_unit_test(pipelined_requests_begin_where_the_one_before_ends),
        cmocka_unit_test(what_was_scanned_is_not_scanned_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
