/* Answers as they go over the wire. */
#include "check.h"

#include "http/respond.h"

#include <stdlib.h>
#include <time.h>

static const char DATE[] = "Sun, 06 Nov 1994 08:49:37 GMT";

static const struct respond_options keep = {.date = DATE};

static void assert_wrote(const struct buf *out, const char *expected)
{
    assert_false(out->full);
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static void the_date_is_an_imf_fixdate(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[RESPOND_DATE_SIZE + 1] = {0};
        respond_date(rows[i].seconds, out);
        assert_string_equal(out, rows[i].text);
    }
}

static void every_day_of_a_century_has_its_date(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 36525; day++) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm t;
        char expected[64];
        char out[RESPOND_DATE_SIZE + 1] = {0};
        strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &t));
        respond_date(seconds, out);
        assert_string_equal(out, expected);
    }
}

static void a_redirect_is_written_around_a_location_in_place(void **state)
{
    (void)state;
    char memory[512] = "before";
    struct buf out = buf_make(memory, sizeof(memory));
    out.len = 6;
    char *place = memory + out.len + RESPOND_LOCATION_AT;
    memcpy(place, "https://store.example/x", 23);
    struct decide_answer answer = {.status = 307, .location = str_make(place, 23)};
    respond_answer(&out, &answer, &keep);
    assert_wrote(&out, "beforeHTTP/1.1 307 Temporary Redirect\r\n"
                       "Location: https://store.example/x\r\n"
                       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Content-Length: 0\r\n\r\n");
}

static void a_location_from_elsewhere_is_copied(void **state)
{
    (void)state;
    char memory[512];
    struct buf out = buf_make(memory, sizeof(memory));
    struct decide_answer answer = {.status = 307, .location = STR("https://store.example/x")};
    const struct respond_options options = {
        .date = DATE, .connection = RESPOND_CLOSE, .head = true};
    respond_answer(&out, &answer, &options);
    assert_wrote(&out, "HTTP/1.1 307 Temporary Redirect\r\n"
                       "Location: https://store.example/x\r\n"
                       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Connection: close\r\n"
                       "Content-Length: 0\r\n\r\n");
}

static void a_route_may_redirect_by_any_status(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *line;
    } rows[] = {
        {301, "301 Moved Permanently"},
        {302, "302 Found"},
        {307, "307 Temporary Redirect"},
        {308, "308 Permanent Redirect"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int in_place = 0; in_place < 2; in_place++) {
            char memory[512], expected[512];
            struct buf out = buf_make(memory, sizeof(memory));
            struct decide_answer answer = {.status = rows[i].status,
                                           .step = DECIDE_ROUTE,
                                           .location = STR("https://store.example/x")};
            if (in_place != 0) {
                memcpy(memory + RESPOND_LOCATION_AT, answer.location.data, answer.location.len);
                answer.location.data = memory + RESPOND_LOCATION_AT;
            }
            respond_answer(&out, &answer, &keep);
            snprintf(expected, sizeof(expected),
                     "HTTP/1.1 %s\r\nLocation: https://store.example/x\r\nDate: %s\r\n"
                     "Content-Length: 0\r\n\r\n",
                     rows[i].line, DATE);
            assert_wrote(&out, expected);
        }
}

/* RFC 9112 section 4 lets a reason be empty; people who read an answer, and old programs, do not.
 */
static void a_route_may_answer_with_any_status_and_text(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *line;
    } rows[] = {
        {200, "200 OK"},
        {400, "400 Bad Request"},
        {401, "401 Unauthorized"},
        {402, "402 Payment Required"},
        {403, "403 Forbidden"},
        {404, "404 Not Found"},
        {410, "410 Gone"},
        {418, "418 Client Error"},
        {426, "426 Upgrade Required"},
        {499, "499 Client Error"},
        {451, "451 Unavailable For Legal Reasons"},
        {503, "503 Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int text = 0; text < 2; text++) {
            char memory[512], expected[512];
            struct respond_options options = keep;
            struct decide_answer answer = {.status = rows[i].status,
                                           .step = DECIDE_ROUTE,
                                           .body = text != 0 ? STR("moved away") : STR("")};
            int head =
                snprintf(expected, sizeof(expected),
                         "HTTP/1.1 %s\r\nDate: %s\r\n%sContent-Length: %d\r\n\r\n", rows[i].line,
                         DATE, text != 0 ? "Content-Type: text/plain\r\n" : "", 10 * text);
            struct buf out = buf_make(memory, sizeof(memory));
            options.head = true;
            respond_answer(&out, &answer, &options);
            assert_wrote(&out, expected);
            snprintf(expected + head, sizeof(expected) - (size_t)head, "%s",
                     text != 0 ? "moved away" : "");
            out = buf_make(memory, sizeof(memory));
            options.head = false;
            respond_answer(&out, &answer, &options);
            assert_wrote(&out, expected);
        }
}

static void the_api_version_check_is_answered_as_registries_do(void **state)
{
    (void)state;
    char memory[512];
    struct buf out = buf_make(memory, sizeof(memory));
    struct decide_answer answer = {.status = 200, .step = DECIDE_R5};
    const struct respond_options options = {.date = DATE, .connection = RESPOND_KEEP_HTTP10};
    respond_answer(&out, &answer, &options);
    assert_wrote(&out, "HTTP/1.1 200 OK\r\n"
                       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Connection: keep-alive\r\n"
                       "Docker-Distribution-Api-Version: registry/2.0\r\n"
                       "Content-Length: 0\r\n\r\n");
}

static void an_error_with_a_body_is_json_and_head_gets_its_fields_only(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 404 Not Found\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: 13\r\n\r\n";
    char memory[512];
    struct decide_answer answer = {
        .status = 404, .step = DECIDE_R6, .body = STR("{\"errors\":[]}")};
    struct respond_options options = keep;

    struct buf out = buf_make(memory, sizeof(memory));
    options.head = true;
    respond_answer(&out, &answer, &options);
    assert_wrote(&out, head);

    out = buf_make(memory, sizeof(memory));
    options.head = false;
    respond_answer(&out, &answer, &options);
    char expected[512];
    strcpy(expected, head);
    strcat(expected, "{\"errors\":[]}");
    assert_wrote(&out, expected);
}

static void a_refused_method_is_told_which_ones_there_are(void **state)
{
    (void)state;
    char memory[512];
    struct buf out = buf_make(memory, sizeof(memory));
    struct decide_answer answer = {.status = 405, .step = DECIDE_R1};
    respond_answer(&out, &answer, &keep);
    assert_wrote(&out, "HTTP/1.1 405 Method Not Allowed\r\n"
                       "Allow: GET, HEAD\r\n"
                       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Content-Length: 0\r\n\r\n");
}

static void answers_without_a_decision_close(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *line;
    } rows[] = {
        {400, "400 Bad Request"},
        {408, "408 Request Timeout"},
        {414, "414 URI Too Long"},
        {431, "431 Request Header Fields Too Large"},
        {505, "505 HTTP Version Not Supported"},
        {999, "400 Bad Request"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[RESPOND_HEAD_MAX];
        struct buf out = buf_make(memory, sizeof(memory));
        respond_error(&out, rows[i].status, STR(""), DATE);
        char expected[RESPOND_HEAD_MAX] = "HTTP/1.1 ";
        strcat(expected, rows[i].line);
        strcat(expected, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                         "Connection: close\r\nContent-Length: 0\r\n\r\n");
        assert_wrote(&out, expected);
    }
    char memory[RESPOND_HEAD_MAX];
    struct buf out = buf_make(memory, sizeof(memory));
    respond_error(&out, 400, STR("Because.\n"), DATE);
    assert_wrote(&out, "HTTP/1.1 400 Bad Request\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
                       "Because.\n");
}

static void a_page_stands_in_the_place_of_a_decision(void **state)
{
    (void)state;
    const struct respond_field fields[] = {{STR("X-A"), STR("1")}, {STR("X-B"), STR("two, 2")}};
    const struct respond_page page = {200, STR("text/plain"), STR("body"), fields, 2};
    const struct decide_answer answer = {.status = 307, .location = STR("https://store.example/x")};
    struct respond_options options = {.date = DATE, .page = &page};
    const size_t enough =
        RESPOND_HEAD_MAX + sizeof("text/plainbodyX-A1X-Btwo, 2") - 1 + 2 * RESPOND_FIELD_MORE;
    char memory[512];
    struct buf out = buf_make(memory, enough);
    respond_answer(&out, &answer, &options);
    assert_wrote(&out, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "X-A: 1\r\nX-B: two, 2\r\nContent-Type: text/plain\r\n"
                       "Content-Length: 4\r\n\r\nbody");
    out = buf_make(memory, sizeof(memory));
    options.head = true;
    options.connection = RESPOND_CLOSE;
    respond_answer(&out, &answer, &options);
    assert_wrote(&out, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Connection: close\r\nX-A: 1\r\nX-B: two, 2\r\n"
                       "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\n");
}

/* Every kind of answer, in memory of every size from none to enough. */
static void what_does_not_fit_is_said_and_nothing_is_written_past_the_end(void **state)
{
    (void)state;
    const struct decide_answer answers[] = {
        {.status = 307, .location = STR("https://store.example/containers/images/x")},
        {.status = 200, .step = DECIDE_R5},
        {.status = 400, .step = DECIDE_R7, .body = STR("{\"errors\":[]}")},
        {.status = 405, .step = DECIDE_R1},
        {.status = 301, .step = DECIDE_ROUTE, .location = STR("https://elsewhere.example/x")},
        {.status = 451, .step = DECIDE_ROUTE, .body = STR("a text of somebody's")},
    };
    const struct respond_options options = {.date = DATE, .connection = RESPOND_KEEP_HTTP10};
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        size_t enough = RESPOND_HEAD_MAX + answers[i].location.len + answers[i].body.len;
        size_t needed = 0;
        for (size_t size = enough; size-- > 0;) {
            char *memory = malloc(size + 1);
            struct buf out = buf_make(memory, size);
            respond_answer(&out, &answers[i], &options);
            needed = needed > 0 ? needed : out.len;
            assert_int_equal(out.full, size < needed);
            free(memory);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_date_is_an_imf_fixdate),
        cmocka_unit_test(every_day_of_a_century_has_its_date),
        cmocka_unit_test(a_redirect_is_written_around_a_location_in_place),
        cmocka_unit_test(a_location_from_elsewhere_is_copied),
        cmocka_unit_test(a_route_may_redirect_by_any_status),
        cmocka_unit_test(a_route_may_answer_with_any_status_and_text),
        cmocka_unit_test(the_api_version_check_is_answered_as_registries_do),
        cmocka_unit_test(an_error_with_a_body_is_json_and_head_gets_its_fields_only),
        cmocka_unit_test(a_refused_method_is_told_which_ones_there_are),
        cmocka_unit_test(answers_without_a_decision_close),
        cmocka_unit_test(a_page_stands_in_the_place_of_a_decision),
        cmocka_unit_test(what_does_not_fit_is_said_and_nothing_is_written_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
