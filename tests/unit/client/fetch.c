#include "client/fetch.h"

#include "check.h"
#include "httpd.h"
#include "sys/clock.h"

#include <signal.h>

static struct fetch_response response;
static char error[256];

static bool get_with(struct httpd *s, const char *path, struct fetch_request request)
{
    char url[256];
    snprintf(url, sizeof(url), "%s%s", s->url, path);
    request.url = url;
    request.timeout_ms = request.timeout_ms > 0 ? request.timeout_ms : 5000;
    request.connect_timeout_ms = 2000;
    request.max_bytes = request.max_bytes > 0 ? request.max_bytes : 100000;
    fetch_release(&response);
    error[0] = '\0';
    return fetch_get(&request, &response, error);
}

static bool get(struct httpd *s, const char *path)
{
    return get_with(s, path, (struct fetch_request){.redirects = 2});
}

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    if (strncmp(r->path, s->url, strlen(s->url)) == 0) /* we are the proxy */
        memmove(r->path, r->path + strlen(s->url), strlen(r->path + strlen(s->url)) + 1);
    if (strcmp(r->path, "/text") == 0) {
        snprintf(r->answer, r->answer_size,
                 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"one\"\r\n"
                 "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello");
        return HTTPD_SEND;
    }
    if (strcmp(r->path, "/conditional") == 0)
        return httpd_status(r, strstr(r->head, "If-None-Match: \"one\"\r\n") != NULL &&
                                       strstr(r->head, "If-Modified-Since: Sun, 06 Nov 1994 "
                                                       "08:49:37 GMT\r\n") != NULL
                                   ? 304
                                   : 200);
    if (strcmp(r->path, "/long") == 0) {
        int n = snprintf(r->answer, r->answer_size, "HTTP/1.1 200 OK\r\n\r\n");
        memset(r->answer + n, 'x', 200000);
        r->answer_len = (size_t)n + 200000;
        return HTTPD_CLOSE;
    }
    if (strcmp(r->path, "/cut") == 0) {
        snprintf(r->answer, r->answer_size, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal");
        return HTTPD_CLOSE;
    }
    if (strcmp(r->path, "/long-etag") == 0) {
        char tag[400];
        memset(tag, 'e', sizeof(tag) - 1);
        tag[sizeof(tag) - 1] = '\0';
        snprintf(r->answer, r->answer_size,
                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"%s\"\r\n\r\n", tag);
        return HTTPD_SEND;
    }
    if (strncmp(r->path, "/to/", 4) == 0)
        return httpd_redirect(r, strcmp(r->path, "/to/text") == 0    ? "/text"
                                 : strcmp(r->path, "/to/loop") == 0  ? "/to/loop"
                                 : strcmp(r->path, "/to/file") == 0  ? "file:///etc/passwd"
                                 : strcmp(r->path, "/to/cloud") == 0 ? "http://169.254.169.254/x"
                                                                     : s->context);
    if (strcmp(r->path, "/hang") == 0)
        return HTTPD_HANG;
    return strcmp(r->path, "/reset") == 0 ? HTTPD_RESET : httpd_status(r, 404);
}

static struct httpd *server;

static int start(void **state)
{
    (void)state;
    server = httpd_start(site, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fetch_release(&response);
    httpd_stop(server);
    return 0;
}

static void a_body_comes_with_its_validators(void **state)
{
    (void)state;
    assert_true(get(server, "/text"));
    assert_int_equal(response.status, 200);
    assert_int_equal(response.len, 5);
    assert_string_equal(response.body, "hello");
    assert_string_equal(response.etag, "\"one\"");
    assert_int_equal(response.modified, 784111777);
}

static void any_status_is_a_response(void **state)
{
    (void)state;
    assert_true(get(server, "/nothing"));
    assert_int_equal(response.status, 404);
    assert_null(response.body);
    assert_int_equal(response.len, 0);
    assert_string_equal(response.etag, "");
    assert_int_equal(response.modified, 0);
}

static void conditions_are_sent(void **state)
{
    (void)state;
    const struct fetch_request request = {.etag = "\"one\"", .modified_since = 784111777};
    assert_true(get_with(server, "/conditional", request));
    assert_int_equal(response.status, 304);
    assert_null(response.body);
}

static void a_body_too_long_is_an_error(void **state)
{
    (void)state;
    assert_false(get(server, "/long"));
    assert_non_null(strstr(error, "longer than expected"));
    assert_null(response.body);
    assert_true(get_with(server, "/long", (struct fetch_request){.max_bytes = 200000}));
    assert_int_equal(response.len, 200000);
}

static void an_etag_too_long_is_not_kept(void **state)
{
    (void)state;
    assert_true(get(server, "/long-etag"));
    assert_string_equal(response.etag, "");
}

static void what_breaks_off_is_an_error_with_the_host(void **state)
{
    (void)state;
    const char *const path[] = {"/cut", "/reset"};
    for (size_t i = 0; i < 2; i++) {
        assert_false(get(server, path[i]));
        assert_non_null(strstr(error, server->url + strlen("http://")));
        assert_null(response.body);
    }
}

static void the_time_limit_holds(void **state)
{
    (void)state;
    int64_t before = clock_now();
    assert_false(get_with(server, "/hang", (struct fetch_request){.timeout_ms = 200}));
    assert_in_range((clock_now() - before) / CLOCK_MS, 150, 2000);
    assert_non_null(strstr(error, "timed out"));
}

static void *stop_soon(void *flag)
{
    usleep(100000);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void it_stops_when_told_to(void **state)
{
    (void)state;
    atomic_bool flag = false;
    pthread_t thread;
    int64_t before = clock_now();
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &flag), 0);
    assert_false(get_with(server, "/hang", (struct fetch_request){.stop = &flag}));
    pthread_join(thread, NULL);
    assert_in_range((clock_now() - before) / CLOCK_MS, 50, 3000);
    assert_non_null(strstr(error, "interrupted"));
}

static void redirects_are_followed_as_often_as_said(void **state)
{
    (void)state;
    assert_true(get(server, "/to/text"));
    assert_string_equal(response.body, "hello");
    assert_false(get_with(server, "/to/text", (struct fetch_request){.redirects = 0}));
    assert_non_null(strstr(error, "too often"));
    int before = server->requests;
    assert_false(get(server, "/to/loop"));
    assert_int_equal(server->requests - before, 3);
}

static void redirects_do_not_leave_http(void **state)
{
    (void)state;
    assert_false(get(server, "/to/file"));
    assert_null(response.body);
}

static void redirects_do_not_reach_addresses_that_are_refused(void **state)
{
    (void)state;
    int64_t before = clock_now();
    assert_false(get(server, "/to/cloud"));
    assert_non_null(strstr(error, "private address"));
    assert_true(clock_now() - before < CLOCK_S);
}

static void plain_http_is_refused_where_https_is_demanded(void **state)
{
    (void)state;
    int before = server->requests;
    assert_false(get_with(server, "/text", (struct fetch_request){.https_only = true}));
    assert_int_equal(server->requests, before);
}

static void behind_a_proxy_addresses_in_redirects_are_refused(void **state)
{
    (void)state;
    setenv("http_proxy", server->url, 1);
    setenv("no_proxy", "169.254.169.254", 1);
    bool ok = get(server, "/to/cloud");
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    assert_false(ok);
    assert_non_null(strstr(error, "private address"));
}

static void a_name_that_does_not_exist_is_an_error(void **state)
{
    (void)state;
    const struct fetch_request request = {.url = "http://user:secret@nowhere.invalid:81/x?y",
                                          .timeout_ms = 5000,
                                          .connect_timeout_ms = 5000,
                                          .max_bytes = 10};
    assert_false(fetch_get(&request, &response, error));
    assert_memory_equal(error, "nowhere.invalid:81: ", strlen("nowhere.invalid:81: "));
    assert_null(strstr(error, "secret"));
}

static void libcurl_stays_open(void **state)
{
    (void)state;
    const char *why;
    assert_true(fetch_init(&why));
    assert_true(fetch_init(&why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libcurl_stays_open),
        cmocka_unit_test(a_body_comes_with_its_validators),
        cmocka_unit_test(any_status_is_a_response),
        cmocka_unit_test(conditions_are_sent),
        cmocka_unit_test(a_body_too_long_is_an_error),
        cmocka_unit_test(an_etag_too_long_is_not_kept),
        cmocka_unit_test(what_breaks_off_is_an_error_with_the_host),
        cmocka_unit_test(the_time_limit_holds),
        cmocka_unit_test(it_stops_when_told_to),
        cmocka_unit_test(redirects_are_followed_as_often_as_said),
        cmocka_unit_test(redirects_do_not_leave_http),
        cmocka_unit_test(redirects_do_not_reach_addresses_that_are_refused),
        cmocka_unit_test(plain_http_is_refused_where_https_is_demanded),
        cmocka_unit_test(behind_a_proxy_addresses_in_redirects_are_refused),
        cmocka_unit_test(a_name_that_does_not_exist_is_an_error),
    };
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    for (size_t i = 0; i < sizeof(proxies) / sizeof(*proxies); i++)
        unsetenv(proxies[i]);
    signal(SIGPIPE, SIG_DFL);
    return cmocka_run_group_tests(tests, start, stop);
}
