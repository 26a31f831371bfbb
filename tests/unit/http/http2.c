/* HTTP/2 sessions: what comes of requests, what is none, and the end. */
#include "http/http_target.h"
#include <archeio/snapshot.h>

#include "http2_pair.h"

/* ── Requests and answers ── */

static void a_request_comes_with_its_fields(void **state)
{
    (void)state;
    static const size_t pieces[] = {ROOM, 7, 1};
    for (size_t i = 0; i < 3; i++) {
        struct pair *p = begin();
        const nghttp2_nv fields[] = {
            FIELD(":authority", "registry.test:8443"),
            FIELD("x-forwarded-for", "192.0.2.1"),
            FIELD("user-agent", "first"),
            FIELD("user-agent", "second"),
            FIELD("x-forwarded-for", "192.0.2.2"),
            FIELD("traceparent", "00-ab-cd-01"),
            FIELD("accept", "*/*"),
        };
        p->piece = pieces[i];
        struct heard *h = ask_with(p, "GET", "/v2/a/manifests/1?n=1", fields, 7);
        run(p);
        assert_int_equal(p->requests, 1);
        assert_int_equal(p->method, DECIDE_GET);
        assert_string_equal(p->target, "/v2/a/manifests/1?n=1");
        assert_string_equal(p->host, "registry.test:8443");
        assert_string_equal(p->agent, "first");
        assert_string_equal(p->trace, "00-ab-cd-01");
        assert_int_equal(p->n_forwarded, 2);
        assert_string_equal(p->forwarded, "192.0.2.2");
        assert_int_equal(h->status, 307);
        assert_string_equal(h->location, "https://upstream.test/v2/");
        assert_string_equal(h->length, "0");
        assert_int_equal(http2_streams(p->server), 0);
        end(p);
    }
}

static void answers_have_the_fields_of_their_status(void **state)
{
    (void)state;
    struct pair *p = begin();
    p->answer = 404;
    struct heard *h = ask(p, "GET", "/v2/_catalog");
    run(p);
    assert_int_equal(h->status, 404);
    assert_int_equal(h->body, strlen(BODY));
    h = ask(p, "HEAD", "/v2/_catalog");
    run(p);
    assert_int_equal(p->method, DECIDE_HEAD);
    assert_int_equal(h->body, 0);
    assert_int_equal(atoi(h->length), strlen(BODY));
    p->answer = 405;
    h = ask(p, "get", "/v2/");
    run(p);
    assert_int_equal(p->method, DECIDE_OTHER);
    assert_string_equal(h->allow, "GET, HEAD");
    p->answer = 429;
    h = ask(p, "GET", "/v2/");
    run(p);
    assert_string_equal(h->retry, "17");
    end(p);
}

static void a_redirect_has_the_status_that_a_route_gives_it(void **state)
{
    (void)state;
    static const uint16_t status[] = {301, 302, 307, 308};
    for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        struct pair *p = begin();
        p->location = STR("https://elsewhere.test/x");
        p->answer = status[i];
        struct heard *h = ask(p, "GET", "/x");
        run(p);
        assert_int_equal(h->status, status[i]);
        assert_string_equal(h->location, "https://elsewhere.test/x");
        assert_string_equal(h->length, "0");
        end(p);
    }
}

/* The text is the snapshot's, which a reload may take away before a client opens its window. */
static void a_routes_text_arrives_whole_when_it_is_long_gone(void **state)
{
    (void)state;
    static char text[1025];
    memset(text, 'r', sizeof(text) - 1);
    for (uint32_t window = 0; window <= 1024; window += 512) {
        struct pair *p = begin_with(window);
        p->text = text;
        p->answer = 503;
        struct heard *head = ask(p, "HEAD", "/x");
        run(p);
        assert_int_equal(head->status, 503);
        assert_int_equal(head->body, 0);
        assert_string_equal(head->length, "1024");
        struct heard *h = ask(p, "GET", "/x");
        run(p);
        assert_int_equal(h->status, 503);
        assert_string_equal(h->length, "1024");
        assert_string_equal(h->type, "text/plain");
        assert_int_equal(h->body, window);
        nghttp2_submit_window_update(p->client, NGHTTP2_FLAG_NONE, stream_of(p, h), 2000);
        run(p);
        assert_int_equal(h->body, 1024);
        assert_int_equal(http2_streams(p->server), 0);
        end(p);
    }
}

static void a_text_that_nobody_takes_goes_with_its_stream(void **state)
{
    (void)state;
    struct pair *p = begin_with(0);
    struct heard *h[3];
    p->text = "gone";
    p->answer = 410;
    for (int i = 0; i < 3; i++)
        h[i] = ask(p, "GET", "/x");
    run(p);
    assert_int_equal(http2_streams(p->server), 3);
    nghttp2_submit_rst_stream(p->client, NGHTTP2_FLAG_NONE, stream_of(p, h[1]), NGHTTP2_CANCEL);
    run(p);
    assert_int_equal(http2_streams(p->server), 2);
    nghttp2_submit_window_update(p->client, NGHTTP2_FLAG_NONE, stream_of(p, h[2]), 100);
    run(p);
    assert_int_equal(h[2]->body, 4);
    end(p); /* with one that still waits */
}

static void a_page_arrives_whole_with_its_fields_in_lower_case(void **state)
{
    (void)state;
    const struct respond_field fields[] = {{STR("X-Other"), STR("1")},
                                           {STR("X-Told"), STR("what was decided")}};
    const struct respond_page page = {200, STR("text/plain"), STR(BODY), fields, 2};
    struct pair *p = begin();
    p->page = &page;
    p->answer = 307;
    struct heard *get = ask(p, "GET", "/decide"), *head = ask(p, "HEAD", "/decide");
    run(p);
    for (struct heard *h = get; h != NULL; h = h == get ? head : NULL) {
        assert_int_equal(h->status, 200);
        assert_string_equal(h->told, "what was decided");
        assert_string_equal(h->type, "text/plain");
        assert_int_equal(atoi(h->length), strlen(BODY));
        assert_string_equal(h->location, "");
        assert_int_equal(h->body, h == get ? strlen(BODY) : 0);
    }
    end(p);
}

/* From one byte to a URL of a snapshot with a whole target behind it: lengths are numbers of one,
 * two and three bytes (RFC 7541 section 5.1). */
static void a_location_of_any_length_arrives_whole(void **state)
{
    static char text[SNAPSHOT_URL_MAX + HTTP_TARGET_MAX + 1];
    static const size_t lengths[] = {
        1, 63, 64, 126, 127, 128, 129, 254, 255, 256, 8192, 10000, sizeof(text) - 1};
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('!' + i % 90);
    struct pair *p = begin();
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        p->location = str_make(text, lengths[i]);
        struct heard *h = ask(p, "GET", "/v2/");
        run(p);
        const char *got = lengths[i] < sizeof(h->location) ? h->location : p->far;
        assert_int_equal(h->status, 307);
        assert_int_equal(strlen(got), lengths[i]);
        assert_memory_equal(got, text, lengths[i]);
        assert_string_equal(h->length, "0");
    }
    end(p);
}

/* Both requests are answered before anything is sent; then the first answer becomes void. */
static void an_answer_that_is_never_sent_leaves_the_next_one_alone(void **state)
{
    (void)state;
    for (unsigned voided = 0; voided < 3; voided++) {
        struct pair *p = begin();
        struct heard *h[3];
        run(p);
        for (unsigned i = 0; i < 3; i++) {
            p->location = str_make(&"abc"[i], 1);
            h[i] = ask(p, "GET", "/v2/");
            say(p);
        }
        nghttp2_submit_rst_stream(p->client, NGHTTP2_FLAG_NONE, stream_of(p, h[voided]),
                                  NGHTTP2_CANCEL);
        run(p);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(h[i]->status, i == voided ? 0 : 307);
            assert_int_equal(h[i]->location[0], i == voided ? '\0' : "abc"[i]);
        }
        end(p);
    }
}

/* It names an authority alone (RFC 9113 section 8.5); what is wrong with it is its method (R1). */
static void connect_is_a_request_without_a_target(void **state)
{
    (void)state;
    struct pair *p = begin();
    const nghttp2_nv fields[] = {FIELD(":method", "CONNECT"), FIELD(":authority", "x.test:443")};
    p->answer = 405;
    int32_t stream = nghttp2_submit_request(p->client, NULL, fields, 2, NULL, NULL);
    run(p);
    assert_int_equal(p->requests, 1);
    assert_int_equal(p->method, DECIDE_OTHER);
    assert_string_equal(p->target, "");
    assert_int_equal(p->heard[stream / 2].status, 405);
    end(p);
}

static void many_streams_are_answered_in_any_order(void **state)
{
    (void)state;
    struct pair *p = begin();
    struct heard *h[HTTP2_STREAMS];
    p->hold = true;
    for (int i = 0; i < HTTP2_STREAMS; i++)
        h[i] = ask(p, "GET", "/v2/");
    run(p);
    assert_int_equal(p->requests, HTTP2_STREAMS);
    assert_int_equal(http2_streams(p->server), HTTP2_STREAMS);
    for (int i = HTTP2_STREAMS - 1; i >= 0; i--) {
        http2_mark(p->server, (uint32_t)stream_of(p, h[i]), NULL);
        give(p, (uint32_t)stream_of(p, h[i]), 404);
    }
    run(p);
    for (int i = 0; i < HTTP2_STREAMS; i++)
        assert_int_equal(h[i]->body, strlen(BODY));
    assert_int_equal(http2_streams(p->server), 0);
    assert_int_equal(p->cancelled, 0);
    end(p);
}

static void one_stream_more_than_allowed_is_refused_and_can_be_tried_again(void **state)
{
    (void)state;
    struct pair *p = begin();
    struct heard *h = NULL;
    p->hold = true;
    for (int i = 0; i <= HTTP2_STREAMS; i++)
        h = ask(p, "GET", "/v2/");
    say(p); /* before it has heard of the limit */
    run(p);
    assert_int_equal(p->requests, HTTP2_STREAMS);
    assert_true(h->reset);
    assert_int_equal(h->code, NGHTTP2_REFUSED_STREAM);
    assert_true(p->more);
    end(p);
}

/* ── What is no request ── */

static void host_and_authority_say_the_same(void **state)
{
    (void)state;
    const nghttp2_nv same[] = {FIELD(":authority", "registry.test"),
                               FIELD("host", "registry.test")};
    const nghttp2_nv differ[] = {FIELD(":authority", "registry.test"), FIELD("host", "evil.test")};
    const nghttp2_nv alone = FIELD("host", "registry.test");
    struct pair *p = begin();
    struct heard *h = ask_with(p, "GET", "/v2/", same, 2);
    run(p);
    assert_int_equal(h->status, 307);
    h = ask_with(p, "GET", "/v2/", &alone, 1);
    run(p);
    assert_int_equal(h->status, 307);
    assert_string_equal(p->host, "registry.test");
    h = ask_with(p, "GET", "/v2/", differ, 2);
    struct heard *none = ask_with(p, "GET", "/v2/", NULL, 0);
    run(p);
    assert_true(h->reset);
    assert_int_equal(h->code, NGHTTP2_PROTOCOL_ERROR);
    assert_true(none->reset || none->status == 400);
    assert_int_equal(p->requests, 2);
    end(p);
}

static void targets_and_hosts_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a#b", "/a\\b", "/\x80"};
    static const char *const hosts[] = {"a b", "a/b", "user@host", "host:port", "[::1"};
    struct pair *p = begin();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct heard *h = ask(p, "GET", paths[i]);
        run(p);
        if (h->status != 400 && !h->reset)
            fail_msg("%s: %d", paths[i], h->status);
    }
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const nghttp2_nv authority = FIELD(":authority", hosts[i]);
        struct heard *h = ask_with(p, "GET", "/", &authority, 1);
        run(p);
        if (h->status != 400 && !h->reset)
            fail_msg("%s: %d", hosts[i], h->status);
    }
    assert_int_equal(p->requests, 0);
    assert_true(p->more);
    end(p);
}

static void what_does_not_begin_like_http2_is_over_at_once(void **state)
{
    (void)state;
    static const char *const junk[] = {"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
                                       "\x16\x03\x01"};
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        struct pair *p = begin();
        assert_true(http2_is_incomplete(p->server));
        assert_false(http2_receive(p->server, junk[i], strlen(junk[i]), 0));
        listen(p);
        assert_true(http2_is_over(p->server));
        end(p);
    }
}

static void a_beginning_is_incomplete_until_its_end_has_come(void **state)
{
    (void)state;
    static const char hello[] = HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0";
    static const char part[] = "\0\0\1\1\1\0\0\0\1\x82"; /* HEADERS without END_HEADERS */
    struct pair *p = begin();
    for (size_t i = 0; i + 1 < sizeof(hello); i++) {
        assert_true(http2_is_incomplete(p->server));
        assert_true(http2_receive(p->server, hello + i, 1, 0));
    }
    assert_false(http2_is_incomplete(p->server));
    assert_true(http2_receive(p->server, part, sizeof(part) - 1, 0));
    assert_true(http2_is_incomplete(p->server));
    end(p);
}

/* ── The end ── */

static void what_is_begun_before_the_end_is_known_is_answered(void **state)
{
    (void)state;
    struct pair *p = begin();
    p->hold = true;
    struct heard *before = ask(p, "GET", "/v2/");
    run(p);
    struct heard *meanwhile = ask(p, "GET", "/v2/");
    http2_announce_end(p->server);
    say(p); /* it has not heard of it yet */
    run(p);
    assert_int_equal(p->goaways, 1);
    assert_int_equal(p->last, INT32_MAX);
    assert_int_equal(p->code, NGHTTP2_NO_ERROR);
    assert_int_equal(p->requests, 2);
    http2_end(p->server);
    listen(p);
    assert_int_equal(p->goaways, 2);
    assert_int_equal(p->last, stream_of(p, meanwhile));
    assert_false(http2_is_over(p->server));
    struct heard *all[] = {before, meanwhile};
    for (int i = 0; i < 2; i++) {
        http2_mark(p->server, (uint32_t)stream_of(p, all[i]), NULL);
        give(p, (uint32_t)stream_of(p, all[i]), 307);
        run(p);
        assert_int_equal(all[i]->status, 307);
    }
    assert_true(http2_is_over(p->server));
    end(p);
}

static void an_end_without_streams_is_the_end(void **state)
{
    (void)state;
    struct pair *p = begin();
    run(p);
    http2_end(p->server);
    assert_false(http2_is_over(p->server)); /* it has not been said */
    listen(p);
    assert_int_equal(p->goaways, 1);
    assert_true(http2_is_over(p->server));
    end(p);
}

static void after_an_abort_nothing_waits_for_streams(void **state)
{
    (void)state;
    struct pair *p = begin();
    p->hold = true;
    ask(p, "GET", "/v2/");
    run(p);
    http2_abort(p->server);
    listen(p);
    assert_int_equal(p->goaways, 1);
    assert_true(http2_is_over(p->server));
    end(p);
}

static void what_waits_at_the_end_is_not_told_of_a_session_that_is_freed(void **state)
{
    (void)state;
    struct pair *p = begin();
    p->hold = true;
    for (int i = 0; i < 10; i++)
        ask(p, "GET", "/v2/");
    run(p);
    end(p); /* its owner knows */
    http2_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_with_its_fields),
        cmocka_unit_test(answers_have_the_fields_of_their_status),
        cmocka_unit_test(a_redirect_has_the_status_that_a_route_gives_it),
        cmocka_unit_test(a_routes_text_arrives_whole_when_it_is_long_gone),
        cmocka_unit_test(a_text_that_nobody_takes_goes_with_its_stream),
        cmocka_unit_test(a_page_arrives_whole_with_its_fields_in_lower_case),
        cmocka_unit_test(a_location_of_any_length_arrives_whole),
        cmocka_unit_test(an_answer_that_is_never_sent_leaves_the_next_one_alone),
        cmocka_unit_test(connect_is_a_request_without_a_target),
        cmocka_unit_test(many_streams_are_answered_in_any_order),
        cmocka_unit_test(one_stream_more_than_allowed_is_refused_and_can_be_tried_again),
        cmocka_unit_test(host_and_authority_say_the_same),
        cmocka_unit_test(targets_and_hosts_that_are_none_are_refused),
        cmocka_unit_test(what_does_not_begin_like_http2_is_over_at_once),
        cmocka_unit_test(a_beginning_is_incomplete_until_its_end_has_come),
        cmocka_unit_test(what_is_begun_before_the_end_is_known_is_answered),
        cmocka_unit_test(an_end_without_streams_is_the_end),
        cmocka_unit_test(after_an_abort_nothing_waits_for_streams),
        cmocka_unit_test(what_waits_at_the_end_is_not_told_of_a_session_that_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
