#include "server/access_format.h"

#include "check.h"
#include "exist/exist.h"

#include <archeio/decide.h>
#include <jansson.h>
#include <stdlib.h>

static struct access_record plain(void)
{
    struct access_record r = {
        .time_us = 1136214245000042,
        .duration_ns = 12345678,
        .status = 307,
        .step = DECIDE_R12,
        .cache = EXIST_PRESENT,
        .bytes = 250,
        .cloud = STR("aws"),
        .region = STR("eu-west-3"),
        .http2 = true,
        .method = STR("GET"),
        .host = STR("registry.test:443"),
        .path = STR("/v2/pause/blobs/sha256:00"),
        .route = STR("releases"),
        .store = STR("s3"),
        .user_agent = STR("containerd/1.7.24"),
        .trace = STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    };
    assert_true(addr_parse(STR("192.0.2.7"), &r.client));
    return r;
}

static void every_field_stands_in_one_line(void **state)
{
    (void)state;
    char memory[4096];
    struct access_format f = {0};
    struct buf out = buf_make(memory, sizeof(memory));
    struct access_record r = plain();
    access_format_line(&f, &out, &r);
    check_str(str_make(out.data, out.len),
              "{\"time\":\"2006-01-02T15:04:05.000042Z\",\"client\":\"192.0.2.7\","
              "\"cloud\":\"aws\",\"region\":\"eu-west-3\",\"protocol\":\"h2\",\"method\":\"GET\","
              "\"host\":\"registry.test:443\","
              "\"path\":\"/v2/pause/blobs/sha256:00\",\"status\":307,\"reason\":\"R12\","
              "\"route\":\"releases\",\"store\":\"s3\",\"cache\":\"present\",\"bytes\":250,"
              "\"duration_us\":12345,"
              "\"user_agent\":\"containerd/1.7.24\","
              "\"trace\":\"0af7651916cd43dd8448eb211c80319c\"}\n");
}

static void no_byte_breaks_a_line_and_the_bound_holds(void **state)
{
    (void)state;
    struct access_format f = {0};
    for (int byte = 0; byte < 256; byte++) {
        char text[64];
        memset(text, byte, sizeof(text));
        struct access_record r = plain();
        r.path = r.user_agent = r.method = r.host = r.route = r.trace =
            str_make(text, sizeof(text));
        size_t bound = access_format_bound(&r);
        char *memory = malloc(bound);
        struct buf out = buf_make(memory, bound);
        access_format_line(&f, &out, &r);
        assert_false(out.full);
        assert_ptr_equal(memchr(out.data, '\n', out.len), out.data + out.len - 1);
        json_t *parsed = json_loadb(out.data, out.len, JSON_ALLOW_NUL, NULL);
        assert_non_null(parsed);
        assert_int_equal(json_object_size(parsed), 17);
        json_decref(parsed);
        free(memory);
    }
}

static void a_trace_is_thirty_two_digits_or_none(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
         "0af7651916cd43dd8448eb211c80319c"},
        {"105445aa7843bc8bf206b12000100000/1;o=1", "105445aa7843bc8bf206b12000100000"},
        {"105445aa7843bc8bf206b12000100000", "105445aa7843bc8bf206b12000100000"},
        {"105445aa7843bc8bf206b1200010000\"/1", ""},
        {"00-0af7651916cd43dd8448eb211c8031", ""},
        {"", ""},
        {"-", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_str(access_format_trace(str_from(rows[i][0])), rows[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_in_one_line),
        cmocka_unit_test(no_byte_breaks_a_line_and_the_bound_holds),
        cmocka_unit_test(a_trace_is_thirty_two_digits_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
