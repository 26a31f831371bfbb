#include "client/hop.h"

#include "check.h"
#include "httpd.h"

static const struct libcurl *curl;
static CURL *easy;

/* An empty body, and fields behind it that fill the answer. */
static enum httpd_action put_trailers(struct httpd_request *r)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    size_t len = sizeof(head) - 1;
    memcpy(r->answer, head, len);
    for (; len + 1024 < r->answer_size; len += 1005)
        snprintf(r->answer + len, 1024, "X: %01000d\r\n", 0);
    r->answer_len = len;
    return HTTPD_CLOSE;
}

/* "/PORT/..." redirects to http on that port; all else is there. */
static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    char to[128];
    int port;
    (void)s;
    if (strcmp(r->path, "/trailers") == 0)
        return put_trailers(r);
    if (sscanf(r->path, "/%d", &port) != 1)
        return httpd_status(r, 200);
    snprintf(to, sizeof(to), "http://127.0.0.1:%d/there", port);
    return httpd_redirect(r, to);
}

static int start(void **state)
{
    (void)state;
    const char *why;
    curl = libcurl_open(&why);
    easy = curl != NULL ? curl->easy_init() : NULL;
    return easy != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    curl->easy_cleanup(easy);
    return 0;
}

static void begin(struct hop *h, const struct httpd *from, int to, unsigned redirects)
{
    char url[128];
    snprintf(url, sizeof(url), "%s/%d", from->url, to);
    curl->easy_reset(easy);
    hop_begin(h, curl, easy, &(struct hop_options){.url = url, .redirects = redirects});
    curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
}

static void a_redirect_is_the_next_hop(void **state)
{
    (void)state;
    struct httpd *s = httpd_start(site, NULL);
    struct hop h;
    const char *why = NULL;
    begin(&h, s, s->port, 1);
    assert_int_equal(libcurl_perform(curl, easy), CURLE_OK);
    assert_int_equal(hop_next(&h, &why), HOP_AGAIN);
    assert_int_equal(libcurl_perform(curl, easy), CURLE_OK);
    assert_int_equal(hop_next(&h, &why), HOP_DONE);
    assert_int_equal(s->requests, 2);
    httpd_stop(s);
}

static void https_is_not_left_for_http(void **state)
{
    (void)state;
    struct httpd *s = httpd_start(site, NULL);
    struct hop h;
    const char *why = NULL;
    begin(&h, s, s->port, 1);
    assert_int_equal(libcurl_perform(curl, easy), CURLE_OK);
    h.secure = true; /* as if it had been */
    assert_int_equal(hop_next(&h, &why), HOP_REFUSED);
    assert_non_null(strstr(why, "https"));
    httpd_stop(s);
}

/* The second store's address was open to whoever configured it; the first one, a public one, must
 * not reach it through the connection that is still there. */
static void a_connection_that_is_open_already_is_checked_too(void **state)
{
    (void)state;
    struct httpd *first = httpd_start(site, NULL), *second = httpd_start(site, NULL);
    struct hop h;
    const char *why = NULL;
    char url[128];
    curl->easy_reset(easy);
    snprintf(url, sizeof(url), "%s/there", second->url);
    hop_begin(&h, curl, easy, &(struct hop_options){.url = url});
    curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
    assert_int_equal(libcurl_perform(curl, easy), CURLE_OK);

    begin(&h, first, second->port, 1);
    assert_int_equal(libcurl_perform(curl, easy), CURLE_OK);
    h.origin = GUARD_PUBLIC; /* as if it had been */
    assert_int_equal(hop_next(&h, &why), HOP_AGAIN);
    CURLcode code = libcurl_perform(curl, easy);
    assert_int_not_equal(code, CURLE_OK);
    assert_true(h.refused);
    assert_string_equal(hop_problem(&h, code, ""), "redirected to a private address");
    assert_int_equal(second->requests, 1);
    assert_int_equal(second->n, 1);
    httpd_stop(first);
    httpd_stop(second);
}

static void no_connection_is_opened_to_an_address_that_is_refused(void **state)
{
    (void)state;
    struct httpd *first = httpd_start(site, NULL), *second = httpd_start(site, NULL);
    struct hop h;
    const char *why = NULL;
    begin(&h, first, second->port, 1);
    assert_int_equal(libcurl_perform(curl, easy), CURLE_OK);
    h.origin = GUARD_PUBLIC;
    assert_int_equal(hop_next(&h, &why), HOP_AGAIN);
    assert_int_not_equal(libcurl_perform(curl, easy), CURLE_OK);
    assert_true(h.refused);
    httpd_stop(second);
    assert_int_equal(first->requests, 1);
    httpd_stop(first);
}

/* libcurl itself keeps those of a trailer without a bound. */
static void fields_without_end_are_not_kept(void **state)
{
    (void)state;
    struct httpd *s = httpd_start(site, NULL);
    struct hop h;
    char url[128];
    snprintf(url, sizeof(url), "%s/trailers", s->url);
    curl->easy_reset(easy);
    hop_begin(&h, curl, easy, &(struct hop_options){.url = url});
    CURLcode code = libcurl_perform(curl, easy);
    assert_int_not_equal(code, CURLE_OK);
    assert_non_null(strstr(hop_problem(&h, code, ""), "header fields"));
    httpd_stop(s);
}

/* The proxy would reach it, or no_proxy would have it reached from here. */
static void behind_a_proxy_what_a_server_names_is_no_private_address(void **state)
{
    (void)state;
    static const char *const url[] = {"http://127.0.0.1:1/", "http://169.254.169.254/",
                                      "http://0x7f.1/", "http://2130706433./"};
    struct httpd *proxy = httpd_start(site, NULL);
    const struct hop from = {.origin = GUARD_PUBLIC};
    setenv("http_proxy", proxy->url, 1);
    setenv("no_proxy", "127.0.0.1", 1);
    for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++) {
        struct hop h;
        curl->easy_reset(easy);
        hop_begin(&h, curl, easy, &(struct hop_options){.url = url[i], .from = &from});
        CURLcode code = libcurl_perform(curl, easy);
        assert_int_not_equal(code, CURLE_OK);
        assert_string_equal(hop_problem(&h, code, ""), "redirected to a private address");
    }
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    assert_int_equal(proxy->requests, 0);
    httpd_stop(proxy);
}

static void a_failure_has_a_text(void **state)
{
    (void)state;
    const struct hop h = {.curl = curl};
    assert_string_equal(hop_problem(&h, CURLE_COULDNT_CONNECT, "details"), "details");
    assert_true(strlen(hop_problem(&h, CURLE_COULDNT_CONNECT, "")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redirect_is_the_next_hop),
        cmocka_unit_test(https_is_not_left_for_http),
        cmocka_unit_test(a_connection_that_is_open_already_is_checked_too),
        cmocka_unit_test(no_connection_is_opened_to_an_address_that_is_refused),
        cmocka_unit_test(fields_without_end_are_not_kept),
        cmocka_unit_test(behind_a_proxy_what_a_server_names_is_no_private_address),
        cmocka_unit_test(a_failure_has_a_text),
    };
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, start, stop);
}
