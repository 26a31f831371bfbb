/* HTTP/2 sessions: how much a client may send, and what is no longer listened to. */
#include "http2_pair.h"

/* ── Limits ── */

static char long_text[70000];

static const char *text_of(size_t len)
{
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[len] = '\0';
    return long_text;
}

static void there_may_be_64_fields_and_no_more(void **state)
{
    (void)state;
    nghttp2_nv fields[120] = {FIELD(":authority", "registry.test")};
    for (size_t i = 1; i < 120; i++)
        fields[i] = FIELD("cookie", "a=b");
    struct pair *p = begin();
    struct heard *most = ask_with(p, "GET", "/v2/", fields, HTTP_REQUEST_FIELDS_MAX - 3);
    struct heard *more = ask_with(p, "GET", "/v2/", fields, HTTP_REQUEST_FIELDS_MAX - 2);
    struct heard *many = ask_with(p, "GET", "/v2/", fields, 120);
    run(p);
    assert_int_equal(most->status, 307);
    assert_int_equal(more->status, 431);
    assert_int_equal(many->status, 431);
    assert_int_equal(p->requests, 1);
    end(p);
}

static void a_list_may_have_16_kib_with_32_bytes_for_each_field(void **state)
{
    (void)state;
    /* :method GET, :scheme https, :path /v2/, :authority registry.test, x-long and its value */
    const size_t others = 7 + 3 + 7 + 5 + 5 + 4 + 10 + 13 + 6 + 5 * 32;
    for (size_t beyond = 0; beyond < 2; beyond++) {
        struct pair *p = begin();
        const nghttp2_nv fields[] = {FIELD(":authority", "registry.test"),
                                     FIELD("x-long", text_of(HTTP2_LIST_MAX - others + beyond))};
        struct heard *h = ask_with(p, "GET", "/v2/", fields, 2);
        run(p);
        assert_int_equal(h->status, beyond ? 431 : 307);
        assert_int_equal(ask(p, "GET", "/v2/")->status, 0);
        run(p);
        assert_int_equal(p->requests, beyond ? 1 : 2); /* the connection goes on */
        end(p);
    }
}

static void a_path_may_have_8_kib(void **state)
{
    (void)state;
    for (size_t beyond = 0; beyond < 2; beyond++) {
        char path[8192 + 2];
        struct pair *p = begin();
        strcpy(path, text_of(8192 + beyond));
        path[0] = '/';
        struct heard *h = ask(p, "GET", path);
        run(p);
        assert_int_equal(h->status, beyond ? 414 : 307);
        assert_int_equal(strlen(p->target), beyond ? 0 : 8192);
        end(p);
    }
}

static void a_list_without_end_ends_the_connection(void **state)
{
    (void)state;
    nghttp2_nv fields[8] = {FIELD(":authority", "registry.test")};
    for (size_t i = 1; i < 8; i++)
        fields[i] = FIELD("x-long", text_of(12000));
    struct pair *p = begin();
    ask_with(p, "GET", "/v2/", fields, 8);
    run(p);
    assert_false(p->more);
    assert_int_equal(p->requests + p->refused, 0);
    assert_int_equal(p->code, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(http2_is_over(p->server));
    end(p);
}

/* ── Streams that end early, bodies ── */

static void a_stream_that_is_cancelled_is_told_once_if_it_is_marked(void **state)
{
    (void)state;
    struct pair *p = begin();
    p->hold = true;
    struct heard *marked = ask(p, "GET", "/v2/"), *unmarked = ask(p, "GET", "/v2/");
    run(p);
    http2_mark(p->server, (uint32_t)stream_of(p, unmarked), NULL);
    nghttp2_submit_rst_stream(p->client, 0, stream_of(p, marked), NGHTTP2_CANCEL);
    nghttp2_submit_rst_stream(p->client, 0, stream_of(p, unmarked), NGHTTP2_CANCEL);
    run(p);
    assert_int_equal(p->cancelled, 1);
    assert_int_equal(http2_streams(p->server), 0);
    give(p, (uint32_t)stream_of(p, marked), 307); /* an answer for nobody is dropped */
    run(p);
    assert_int_equal(marked->status, 0);
    p->hold = false;
    assert_int_equal(ask(p, "GET", "/v2/")->status, 0);
    run(p);
    assert_int_equal(p->requests, 3);
    end(p);
}

static void a_body_goes_out_as_far_as_the_client_lets_it(void **state)
{
    (void)state;
    struct pair *p = begin_with(0);
    p->answer = 404;
    struct heard *h = ask(p, "GET", "/v2/_catalog");
    run(p);
    assert_int_equal(h->status, 404);
    for (size_t i = 1; i <= strlen(BODY); i++) {
        assert_int_equal(h->body, i - 1);
        assert_int_equal(http2_streams(p->server), 1);
        nghttp2_submit_window_update(p->client, 0, stream_of(p, h), 1);
        run(p);
    }
    assert_int_equal(h->body, strlen(BODY));
    assert_int_equal(http2_streams(p->server), 0);
    end(p);
}

static ssize_t upload(nghttp2_session *session, int32_t stream, uint8_t *data, size_t size,
                      uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)stream;
    (void)flags;
    (void)source;
    (void)context;
    memset(data, 'x', size);
    return (ssize_t)size;
}

static void an_upload_has_its_answer_and_no_more_window(void **state)
{
    (void)state;
    struct pair *p = begin();
    const nghttp2_nv fields[] = {FIELD(":method", "POST"), FIELD(":scheme", "https"),
                                 FIELD(":path", "/"), FIELD(":authority", "registry.test")};
    const nghttp2_data_provider body = {.read_callback = upload};
    p->answer = 405;
    run(p);
    for (int i = 0; i < 10; i++) { /* together more than the connection's window at first */
        int32_t stream = nghttp2_submit_request(p->client, NULL, fields, 4, &body, NULL);
        run(p);
        assert_int_equal(p->heard[stream / 2].status, 405);
        assert_true(p->heard[stream / 2].reset);
        assert_int_equal(p->heard[stream / 2].code, NGHTTP2_NO_ERROR);
    }
    assert_int_equal(p->requests, 10);
    assert_true(p->more);
    end(p);
}

/* ── The budget ── */

static void reset_many(struct pair *p, int n, int64_t interval)
{
    p->hold = true;
    for (int i = 0; i < n && p->more; i++) {
        struct heard *h = ask(p, "GET", "/v2/");
        run(p);
        nghttp2_submit_rst_stream(p->client, 0, stream_of(p, h), NGHTTP2_CANCEL);
        run(p);
        p->now += interval;
    }
}

static void many_resets_at_once_end_the_connection(void **state)
{
    (void)state;
    struct pair *p = begin();
    reset_many(p, HTTP2_CREDIT - 10, 0);
    assert_true(p->more);
    reset_many(p, 20, 0);
    assert_false(p->more);
    assert_in_range(p->cancelled, HTTP2_CREDIT - 10, HTTP2_CREDIT + 1);
    assert_int_equal(p->code, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(http2_is_over(p->server));
    end(p);
}

static void resets_that_come_slowly_are_forgiven(void **state)
{
    (void)state;
    struct pair *p = begin();
    reset_many(p, 900, SECOND / (HTTP2_CREDIT_SECOND - 5));
    assert_true(p->more);
    assert_int_equal(p->cancelled, 900);
    end(p);
}

static void pings_and_settings_have_the_same_budget(void **state)
{
    (void)state;
    for (int settings = 0; settings < 2; settings++) {
        struct pair *p = begin();
        run(p);
        for (int i = 0; i < 2 * HTTP2_CREDIT && p->more; i++) {
            if (settings)
                nghttp2_submit_settings(p->client, NGHTTP2_FLAG_NONE, NULL, 0);
            else
                nghttp2_submit_ping(p->client, NGHTTP2_FLAG_NONE, NULL);
            run(p);
        }
        assert_false(p->more);
        assert_int_equal(p->code, NGHTTP2_ENHANCE_YOUR_CALM);
        end(p);
    }
}

static void requests_that_are_answered_cost_nothing(void **state)
{
    (void)state;
    struct pair *p = begin();
    for (int i = 0; i < 1500; i++) {
        ask(p, "GET", "/v2/");
        if (i % 50 == 49)
            run(p);
    }
    assert_int_equal(p->requests, 1500);
    assert_true(p->more);
    end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_may_be_64_fields_and_no_more),
        cmocka_unit_test(a_list_may_have_16_kib_with_32_bytes_for_each_field),
        cmocka_unit_test(a_path_may_have_8_kib),
        cmocka_unit_test(a_list_without_end_ends_the_connection),
        cmocka_unit_test(a_stream_that_is_cancelled_is_told_once_if_it_is_marked),
        cmocka_unit_test(a_body_goes_out_as_far_as_the_client_lets_it),
        cmocka_unit_test(an_upload_has_its_answer_and_no_more_window),
        cmocka_unit_test(many_resets_at_once_end_the_connection),
        cmocka_unit_test(resets_that_come_slowly_are_forgiven),
        cmocka_unit_test(pings_and_settings_have_the_same_budget),
        cmocka_unit_test(requests_that_are_answered_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
