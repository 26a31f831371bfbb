/* Every hostile row of tests/hostile/http1.rows through the parser: whole, cut at every byte,
 * between valid requests; and valid requests with random damage. Input ends at an unmapped page. */
#include "http/rows.h"

#include "http/http1.h"

#include <sys/mman.h>
#include <unistd.h>

#define ROOM 131072 /* bytes of input that fit before the unmapped page */

static const struct str good = STR_INIT("HEAD /v2/good/manifests/v1 HTTP/1.1\r\n"
                                        "Host: registry.example.org\r\n"
                                        "X-Forwarded-For: 192.0.2.1, 130.211.0.1\r\n\r\n");

struct outcome {
    enum http1_result result;
    uint16_t status;  /* of HTTP1_ERROR */
    size_t head_size; /* this and what follows: of HTTP1_DONE */
    bool close;
};

/* Two places, so that what came earlier lies elsewhere in the next call. */
static char *edge[2];

static int map_edges(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < 2; i++) {
        char *memory =
            mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(memory != MAP_FAILED);
        assert_int_equal(mprotect(memory + ROOM, page, PROT_NONE), 0);
        edge[i] = memory + ROOM;
    }
    return 0;
}

static int unmap_edges(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        munmap(edge[i] - ROOM, ROOM + (size_t)sysconf(_SC_PAGESIZE));
    return 0;
}

static const char *at_edge(int which, const char *data, size_t len)
{
    assert_true(len <= ROOM);
    memcpy(edge[which] - len, data, len);
    return edge[which] - len;
}

static void assert_view(struct str view, const char *data, size_t len)
{
    if (view.len > 0)
        assert_true(view.data >= data && view.data + view.len <= data + len);
}

static struct outcome outcome_of(enum http1_result result, const struct http1_parser *parser,
                                 const struct http_request *request, struct str data)
{
    struct outcome out = {.result = result};
    if (result == HTTP1_ERROR)
        out.status = parser->status;
    if (result != HTTP1_DONE)
        return out;
    out.head_size = request->head_size;
    out.close = request->close;
    assert_true(request->head_size <= data.len);
    assert_true(request->target.len > 0);
    assert_true(request->n_forwarded_for <= HTTP1_FIELDS_MAX);
    assert_view(request->method_text, data.data, request->head_size);
    assert_view(request->target, data.data, request->head_size);
    assert_view(request->host, data.data, request->head_size);
    assert_view(request->user_agent, data.data, request->head_size);
    for (size_t i = 0; i < request->n_forwarded_for; i++)
        assert_view(request->forwarded_for[i], data.data, request->head_size);
    return out;
}

static struct outcome whole(const char *data, size_t len)
{
    struct http1_parser parser = {0};
    struct http_request request;
    const char *here = at_edge(0, data, len);
    enum http1_result result = http1_parse(&parser, here, len, &request);
    return outcome_of(result, &parser, &request, str_make(here, len));
}

/* In pieces of step bytes, each time at another place, with a request structure full of junk. */
static struct outcome dripped(const char *data, size_t len, size_t step)
{
    struct http1_parser parser = {0};
    struct outcome out = {.result = HTTP1_MORE};
    int which = 0;
    for (size_t n = step < len ? step : len;; n = len - n < step ? len : n + step) {
        struct http_request request;
        memset(&request, 0xa5, sizeof(request));
        const char *here = at_edge(which, data, n);
        enum http1_result result = http1_parse(&parser, here, n, &request);
        out = outcome_of(result, &parser, &request, str_make(here, n));
        if (result != HTTP1_MORE || n == len)
            return out;
        which = !which;
    }
}

static struct outcome cut(const char *data, size_t len, size_t at)
{
    struct http1_parser parser = {0};
    struct http_request request;
    const char *here = at_edge(0, data, at);
    enum http1_result result = http1_parse(&parser, here, at, &request);
    if (result != HTTP1_MORE)
        return outcome_of(result, &parser, &request, str_make(here, at));
    here = at_edge(1, data, len);
    result = http1_parse(&parser, here, len, &request);
    return outcome_of(result, &parser, &request, str_make(here, len));
}

static bool same(struct outcome a, struct outcome b)
{
    return a.result == b.result && a.status == b.status && a.head_size == b.head_size &&
           a.close == b.close;
}

static bool is_expected(struct outcome out, const char *parser)
{
    if (strcmp(parser, "ok") == 0 || strcmp(parser, "close") == 0)
        return out.result == HTTP1_DONE && out.close == (parser[0] == 'c');
    if (strcmp(parser, "drop") == 0)
        return out.result == HTTP1_CLOSE;
    return out.result == HTTP1_ERROR && out.status == strtoul(parser, NULL, 10);
}

static void expect_row(const struct row *row, struct outcome out, const char *how, size_t at)
{
    if (!is_expected(out, row->parser))
        fail_msg("%s, %s (%zu): want %s, got result %d, status %d, close %d", row->name, how, at,
                 row->parser, (int)out.result, out.status, out.close);
}

static void every_row_is_judged_as_the_table_says(void **state)
{
    const struct rows *rows = *state;
    assert_true(rows->n >= 300);
    for (size_t i = 0; i < rows->n; i++)
        expect_row(&rows->row[i], whole(rows->row[i].bytes, rows->row[i].len), "whole", 0);
}

static void no_cut_changes_the_judgement(void **state)
{
    const struct rows *rows = *state;
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->row[i];
        size_t step = row->len > 2000 ? 97 : 1;
        for (size_t at = 0; at < row->len; at += step)
            expect_row(row, cut(row->bytes, row->len, at), "cut", at);
    }
}

static void a_row_that_drips_in_is_judged_the_same(void **state)
{
    const struct rows *rows = *state;
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->row[i];
        expect_row(row, dripped(row->bytes, row->len, 1), "byte by byte", 0);
        expect_row(row, dripped(row->bytes, row->len, 7), "in sevens", 0);
    }
}

/* A row's bytes, and what stands before and after them. */
static char *joined(struct str before, const struct row *row, struct str after, size_t *len)
{
    *len = before.len + row->len + after.len;
    char *data = malloc(*len + 1);
    memcpy(data, before.data, before.len);
    memcpy(data + before.len, row->bytes, row->len);
    memcpy(data + before.len + row->len, after.data, after.len);
    return data;
}

static void a_valid_request_before_a_row_ends_where_the_row_begins(void **state)
{
    const struct rows *rows = *state;
    for (size_t i = 0; i < rows->n; i++) {
        size_t len;
        char *data = joined(good, &rows->row[i], STR(""), &len);
        struct outcome first = whole(data, len);
        assert_true(first.result == HTTP1_DONE && !first.close);
        assert_int_equal(first.head_size, good.len);
        struct outcome second = whole(data + good.len, len - good.len);
        expect_row(&rows->row[i], second, "after a valid request", 0);
        free(data);
    }
}

static void a_valid_request_after_a_row_changes_nothing(void **state)
{
    const struct rows *rows = *state;
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->row[i];
        size_t len;
        char *data = joined(STR(""), row, good, &len);
        struct outcome out = whole(data, len);
        expect_row(row, out, "before a valid request", 0);
        if (strcmp(row->parser, "ok") == 0)
            assert_int_equal(out.head_size, row->len);
        free(data);
    }
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* One to four times: a byte changed, inserted, taken out, or a stretch doubled. */
static size_t damage(char *data, size_t len, uint64_t *seed)
{
    static const char bytes[] = "\r\n\r\n \t:,/%#?*\\@[]0918aZ\x7f\x80\xff\x01";
    for (uint64_t times = 1 + random_next(seed) % 4; times > 0; times--) {
        size_t at = random_next(seed) % len;
        char byte = bytes[random_next(seed) % sizeof(bytes)];
        switch (random_next(seed) % 4) {
        case 0:
            data[at] = byte;
            break;
        case 1:
            memmove(data + at + 1, data + at, len - at);
            data[at] = byte;
            len++;
            break;
        case 2:
            memmove(data + at, data + at + 1, len - at - 1);
            len = len > 1 ? len - 1 : len;
            break;
        default: {
            size_t n = 1 + random_next(seed) % 24;
            n = n < len - at ? n : len - at;
            memmove(data + at + n, data + at, len - at);
            len += n;
        }
        }
    }
    return len;
}

static void random_damage_is_judged_the_same_whole_and_cut(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "GET /v2/a/blobs/sha256:00?x=y HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: c/1\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nConnection: keep-alive, close\r\n\r\n",
        "POST http://[2001:db8::1]:80/v2/ HTTP/1.0\r\nContent-Length: 12\r\n"
        "Host: [2001:db8::1]:80\r\nConnection: keep-alive\r\n\r\nhello world!",
        "\r\nHEAD / HTTP/1.1\r\nhost:x\r\nTransfer-Encoding: chunked\r\ntraceparent: 00-1\r\n"
        "X-Cloud-Trace-Context: a/b\r\n\r\n0\r\n\r\n",
    };
    uint64_t seed = 0x9e3779b97f4a7c15;
    size_t done[4] = {0};
    for (int i = 0; i < 300000; i++) {
        char data[512];
        size_t len = strlen(seeds[i % 3]);
        memcpy(data, seeds[i % 3], len);
        len = damage(data, len, &seed);
        struct outcome a = whole(data, len);
        struct outcome b = cut(data, len, random_next(&seed) % len);
        struct outcome c = i % 10 == 0 ? dripped(data, len, 1) : a;
        if (!same(a, b) || !same(a, c))
            fail_msg("round %d: whole and cut differ on: %.*s", i, (int)len, data);
        done[a.result]++;
    }
    /* The damage is neither so small nor so great that one outcome is never seen. */
    for (int i = 0; i < 4; i++)
        assert_true(done[i] > 100);
}

static int read_rows(void **state)
{
    *state = rows_read();
    return map_edges(state);
}

static int free_rows(void **state)
{
    rows_free(*state);
    return unmap_edges(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_judged_as_the_table_says),
        cmocka_unit_test(no_cut_changes_the_judgement),
        cmocka_unit_test(a_row_that_drips_in_is_judged_the_same),
        cmocka_unit_test(a_valid_request_before_a_row_ends_where_the_row_begins),
        cmocka_unit_test(a_valid_request_after_a_row_changes_nothing),
        cmocka_unit_test(random_damage_is_judged_the_same_whole_and_cut),
    };
    return cmocka_run_group_tests(tests, read_rows, free_rows);
}
