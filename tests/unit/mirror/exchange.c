#include "mirror/exchange.h"

#include "httpd.h"

#include "check.h"

#include <signal.h>

static struct httpd *first, *second;
static struct exchange_client *client;
static atomic_bool stop;
static char heads[2][4096]; /* the last that each server saw */

static bool path_is(const struct httpd_request *r, const char *path)
{
    return strcmp(r->path, path) == 0;
}

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    snprintf(heads[s == second], sizeof(heads[0]), "%s", r->head);
    char to[128];
    snprintf(to, sizeof(to), "%s/body", (s == first ? second : first)->url);
    if (path_is(r, "/elsewhere"))
        return httpd_redirect(r, to);
    if (path_is(r, "/here"))
        return httpd_redirect(r, "/body");
    if (path_is(r, "/loop"))
        return httpd_redirect(r, "/loop");
    if (path_is(r, "/metadata"))
        return httpd_redirect(r, "http://169.254.169.254/latest");
    if (path_is(r, "/body"))
        snprintf(r->answer, r->answer_size,
                 "HTTP/1.1 200 x\r\nContent-Length: 5\r\nX-Two: a\r\nX-Two: b\r\n\r\nhello");
    else if (path_is(r, "/error"))
        snprintf(r->answer, r->answer_size, "HTTP/1.1 403 x\r\nContent-Length: 4\r\n\r\nnope");
    else if (path_is(r, "/short")) {
        snprintf(r->answer, r->answer_size, "HTTP/1.1 200 x\r\nContent-Length: 50\r\n\r\nhello");
        return HTTPD_CLOSE;
    } else if (path_is(r, "/large"))
        r->answer_len = (size_t)snprintf(r->answer, r->answer_size,
                                         "HTTP/1.1 200 x\r\nContent-Length: 500000\r\n\r\n") +
                        500000;
    else
        return HTTPD_HANG;
    return HTTPD_SEND;
}

static int setup(void **state)
{
    const char *why;
    (void)state;
    atomic_store(&stop, false);
    first = httpd_start(site, NULL);
    second = httpd_start(site, NULL);
    client = exchange_client_new(&stop, &why);
    return client != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    exchange_client_free(client);
    httpd_stop(first);
    httpd_stop(second);
    return 0;
}

static struct exchange_request request(const char *path, char url[128])
{
    snprintf(url, 128, "%s%s", first->url, path);
    return (struct exchange_request){
        .method = "GET", .url = url, .redirects = 3, .max_bytes = 1000};
}

static void a_body_is_collected_and_fields_can_be_read(void **state)
{
    char url[128];
    (void)state;
    struct exchange_request r = request("/body", url);
    struct exchange *x = exchange_run(client, &r);
    assert_true(x->whole);
    assert_int_equal(x->status, 200);
    assert_string_equal(x->body, "hello");
    assert_string_equal(exchange_header(x, "x-two", 0), "a");
    assert_string_equal(exchange_header(x, "X-Two", 1), "b");
    assert_null(exchange_header(x, "X-Two", 2));
    exchange_end(x);
}

static void other_statuses_bring_their_text(void **state)
{
    char url[128];
    (void)state;
    struct exchange_request r = request("/error", url);
    struct exchange *x = exchange_run(client, &r);
    assert_true(x->whole);
    assert_int_equal(x->status, 403);
    assert_string_equal(x->body, "nope");
    exchange_end(x);
}

static void check_failure(const char *path, const char *what)
{
    char url[128];
    struct exchange_request r = request(path, url);
    struct exchange *x = exchange_run(client, &r);
    assert_true(x->done);
    assert_false(x->whole);
    if (strstr(x->error, what) == NULL)
        fail_msg("%s: \"%s\", expected \"%s\"", path, x->error, what);
    exchange_end(x);
}

static void what_goes_wrong_is_said(void **state)
{
    (void)state;
    check_failure("/short", "transfer closed");
    check_failure("/large", "longer than it may be");
    check_failure("/loop", "redirected once too often");
    check_failure("/metadata", "private address");
}

static void secrets_go_to_the_server_that_was_named_alone(void **state)
{
    static const struct exchange_field fields[] = {{"Authorization", "Bearer abc", true},
                                                   {"Accept", "x/y", false}};
    char url[128];
    (void)state;
    struct exchange_request r = request("/elsewhere", url);
    r.fields = fields;
    r.n_fields = 2;
    struct exchange *x = exchange_run(client, &r);
    assert_int_equal(x->status, 200);
    assert_memory_equal(exchange_url(x), second->url, strlen(second->url));
    assert_non_null(strstr(heads[0], "Authorization: Bearer abc\r\n"));
    assert_null(strstr(heads[1], "Authorization"));
    assert_null(strstr(heads[1], "abc"));
    assert_non_null(strstr(heads[1], "Accept: x/y\r\n"));
    exchange_end(x);

    r.url = request("/here", url).url;
    x = exchange_run(client, &r);
    assert_int_equal(x->status, 200);
    assert_non_null(strstr(heads[0], "GET /body "));
    assert_non_null(strstr(heads[0], "Authorization: Bearer abc\r\n"));
    exchange_end(x);
}

/* Takes a little, then says that it is full. */
struct sink {
    size_t taken;
    unsigned pauses;
    bool full;
};

static enum exchange_flow sip(void *owner, const char *data, size_t len)
{
    struct sink *s = owner;
    (void)data;
    s->full = !s->full;
    if (s->full) {
        s->pauses++;
        return EXCHANGE_LATER;
    }
    s->taken += len;
    return EXCHANGE_GO;
}

static void what_comes_can_be_taken_piece_by_piece(void **state)
{
    char url[128];
    struct sink sink = {.taken = 0};
    (void)state;
    struct exchange_request r = request("/large", url);
    r.write = sip;
    r.owner = &sink;
    struct exchange *x = exchange_begin(client, &r);
    while (!x->done) {
        exchange_turn(client, 10);
        exchange_resume(x);
    }
    assert_true(x->whole);
    assert_int_equal(sink.taken, 500000);
    assert_true(sink.pauses > 3);
    exchange_end(x);
}

static enum exchange_flow refuse(void *owner, const char *data, size_t len)
{
    (void)owner;
    (void)data;
    (void)len;
    return EXCHANGE_STOP;
}

static void a_callback_can_break_it_off(void **state)
{
    char url[128];
    (void)state;
    struct exchange_request r = request("/large", url);
    r.write = refuse;
    struct exchange *x = exchange_run(client, &r);
    assert_false(x->whole);
    assert_non_null(strstr(x->error, "broken off"));
    exchange_end(x);
}

static enum exchange_flow give_zeros(void *owner, char *data, size_t *len)
{
    int64_t *left = owner;
    if ((int64_t)*len > *left)
        *len = (size_t)*left;
    memset(data, 0, *len);
    *left -= (int64_t)*len;
    return EXCHANGE_GO;
}

static void send_body(int64_t size)
{
    char url[128];
    struct exchange_request r = request("/body", url);
    r.method = "PUT";
    r.read = give_zeros;
    r.size = size;
    r.owner = &size;
    struct exchange *x = exchange_run(client, &r);
    assert_true(x->whole);
    assert_int_equal(x->status, 200);
    exchange_end(x);
}

static void only_for_a_large_body_it_is_asked_whether_it_is_welcome(void **state)
{
    (void)state;
    send_body(60000);
    assert_null(strstr(heads[0], "Expect"));
    send_body(1 << 20);
    assert_non_null(strstr(heads[0], "Expect: 100-continue\r\n"));
}

static void *stop_soon(void *argument)
{
    (void)argument;
    while (atomic_load(&first->requests) == 0)
        usleep(1000);
    atomic_store(&stop, true);
    return NULL;
}

static void a_server_that_hangs_does_not_outlast_the_stop(void **state)
{
    pthread_t thread;
    char url[128];
    (void)state;
    struct exchange_request r = request("/hang", url);
    pthread_create(&thread, NULL, stop_soon, NULL);
    struct exchange *x = exchange_run(client, &r);
    pthread_join(thread, NULL);
    assert_false(x->whole);
    exchange_end(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_body_is_collected_and_fields_can_be_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_statuses_bring_their_text, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_go_to_the_server_that_was_named_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_comes_can_be_taken_piece_by_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(a_callback_can_break_it_off, setup, teardown),
        cmocka_unit_test_setup_teardown(only_for_a_large_body_it_is_asked_whether_it_is_welcome,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_hangs_does_not_outlast_the_stop, setup,
                                        teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
