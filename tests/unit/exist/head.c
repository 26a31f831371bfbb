#include "exist/exist.h"

#include "check.h"
#include "httpd.h"
#include "sys/clock.h"

static struct httpd *server;
static char error[256];

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    int status;
    if (strcmp(r->method, "HEAD") != 0)
        return HTTPD_CLOSE;
    if (sscanf(r->path, "/status/%d", &status) == 1)
        return httpd_status(r, status);
    if (strncmp(r->path, "/to/", 4) == 0)
        return httpd_redirect(r, r->path + 3);
    if (strcmp(r->path, "/metadata") == 0)
        return httpd_redirect(r, "http://169.254.169.254/latest");
    if (strcmp(r->path, "/gopher") == 0)
        return httpd_redirect(r, "gopher://127.0.0.1/");
    return strcmp(r->path, "/hang") == 0 ? HTTPD_HANG : HTTPD_RESET;
}

static enum exist_state ask(const char *path)
{
    char url[256];
    snprintf(url, sizeof(url), "%s%s", server->url, path);
    error[0] = '\0';
    return exist_head(url, 2 * CLOCK_S, error);
}

static int start(void **state)
{
    (void)state;
    server = httpd_start(site, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    httpd_stop(server);
    return 0;
}

static void each_status_has_its_meaning(void **state)
{
    (void)state;
    assert_int_equal(ask("/status/200"), EXIST_PRESENT);
    assert_int_equal(ask("/status/404"), EXIST_ABSENT);
    assert_int_equal(ask("/status/403"), EXIST_ABSENT);
    static const char *const errors[] = {"/status/201", "/status/204", "/status/206", "/status/304",
                                         "/status/400", "/status/401", "/status/410", "/status/429",
                                         "/status/500", "/status/503", "/status/301"};
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        assert_int_equal(ask(errors[i]), EXIST_ERROR);
        assert_non_null(strstr(error, errors[i] + strlen("/status/")));
    }
}

static void one_redirect_is_followed(void **state)
{
    (void)state;
    assert_int_equal(ask("/to/status/200"), EXIST_PRESENT);
    assert_int_equal(ask("/to/status/404"), EXIST_ABSENT);
    int before = server->requests;
    assert_int_equal(ask("/to/to/status/200"), EXIST_ERROR);
    assert_int_equal(server->requests - before, 2);
}

static void redirects_that_are_not_allowed_are_errors(void **state)
{
    (void)state;
    assert_int_equal(ask("/metadata"), EXIST_ERROR);
    assert_non_null(strstr(error, "private address"));
    assert_int_equal(ask("/gopher"), EXIST_ERROR);
    assert_true(error[0] != '\0');
}

static void what_fails_is_an_error_with_a_reason(void **state)
{
    (void)state;
    assert_int_equal(ask("/reset"), EXIST_ERROR);
    assert_true(error[0] != '\0');
    int64_t before = clock_now();
    assert_int_equal(ask("/hang"), EXIST_ERROR);
    assert_in_range((clock_now() - before) / CLOCK_MS, 1900, 4000);
    assert_non_null(strstr(error, "timed out"));
    assert_int_equal(exist_head("http://127.0.0.1:1/x", CLOCK_S, error), EXIST_ERROR);
    assert_int_equal(exist_head("ftp://127.0.0.1/x", CLOCK_S, error), EXIST_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_meaning),
        cmocka_unit_test(one_redirect_is_followed),
        cmocka_unit_test(redirects_that_are_not_allowed_are_errors),
        cmocka_unit_test(what_fails_is_an_error_with_a_reason),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
