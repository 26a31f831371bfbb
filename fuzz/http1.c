/*
 * HTTP/1.1 heads: the input is what a client sends.
 *
 * However it is cut, the result is the same; a verdict is final; views lie inside the head; what is
 * accepted keeps to the limits.
 */
#include "fuzz.h"

#include "http/authority.h"
#include "http/http1.h"

#define CUTS 48
#define LARGE 2048 /* bytes */
#define CUTS_OF_LARGE 6
#define SHORTEST (sizeof("A / HTTP/1.0\r\n\r\n") - 1)

struct verdict {
    enum http1_result result;
    uint16_t status;
    struct http_request request;
};

static void parse_on(struct http1_parser *parser, const char *data, size_t len, struct verdict *v)
{
    v->result = http1_parse(parser, data, len, &v->request);
    v->status = v->result == HTTP1_ERROR ? parser->status : 0;
}

/* ── One verdict ── */

static void check_view(struct str view, const char *data, size_t len)
{
    uintptr_t from = (uintptr_t)data, at = (uintptr_t)view.data;
    FUZZ_CHECK(view.len == 0 || (at >= from && at <= from + len && view.len <= from + len - at));
    for (size_t i = 0; i < view.len; i++) {
        unsigned char c = (unsigned char)view.data[i];
        FUZZ_CHECK(c == '\t' || (c >= 0x20 && c != 0x7f));
    }
}

static void check_request(const struct http_request *r, const char *data, size_t len)
{
    FUZZ_CHECK(r->head_size >= SHORTEST && r->head_size <= len && r->head_size <= HTTP1_HEAD_MAX);
    FUZZ_CHECK(memcmp(data + r->head_size - 4, "\r\n\r\n", 4) == 0);
    FUZZ_CHECK(r->target.len >= 1 && r->target.len <= HTTP1_TARGET_MAX);
    FUZZ_CHECK(http_target_valid(r->target));
    FUZZ_CHECK(r->n_forwarded_for <= HTTP1_FIELDS_MAX);
    FUZZ_CHECK(r->http10 || authority_valid(r->host));
    FUZZ_CHECK((r->method == DECIDE_GET) == str_eq(r->method_text, STR("GET")));
    FUZZ_CHECK((r->method == DECIDE_HEAD) == str_eq(r->method_text, STR("HEAD")));
    const struct str views[] = {r->method_text, r->target,      r->host,
                                r->user_agent,  r->traceparent, r->cloud_trace};
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        check_view(views[i], data, r->head_size);
    for (size_t i = 0; i < r->n_forwarded_for; i++)
        check_view(r->forwarded_for[i], data, r->head_size);
}

static void check_verdict(const struct verdict *v, const char *data, size_t len)
{
    if (v->result == HTTP1_DONE)
        check_request(&v->request, data, len);
    if (v->result == HTTP1_ERROR)
        FUZZ_CHECK(v->status == 400 || v->status == 414 || v->status == 431 || v->status == 505);
    if (v->result == HTTP1_MORE)
        FUZZ_CHECK(len < HTTP1_HEAD_MAX);
}

/* ── Two verdicts on the same bytes ── */

static void check_same(const struct verdict *a, const struct verdict *b)
{
    const struct http_request *x = &a->request, *y = &b->request;
    FUZZ_CHECK(a->result == b->result && a->status == b->status);
    if (a->result != HTTP1_DONE)
        return;
    FUZZ_CHECK(x->head_size == y->head_size && x->close == y->close && x->http10 == y->http10);
    FUZZ_CHECK(x->method == y->method && str_eq(x->method_text, y->method_text));
    FUZZ_CHECK(str_eq(x->target, y->target) && str_eq(x->host, y->host));
    FUZZ_CHECK(str_eq(x->user_agent, y->user_agent) && str_eq(x->traceparent, y->traceparent));
    FUZZ_CHECK(str_eq(x->cloud_trace, y->cloud_trace));
    FUZZ_CHECK(x->n_forwarded_for == y->n_forwarded_for);
    for (size_t i = 0; i < x->n_forwarded_for; i++)
        FUZZ_CHECK(str_eq(x->forwarded_for[i], y->forwarded_for[i]));
}

/* First the beginning, then all of it: the data moves in between. */
static void check_cut(const struct verdict *whole, const char *data, size_t len, size_t cut)
{
    struct http1_parser parser = {0};
    char *part = fuzz_copy(data, cut);
    struct verdict v;
    parse_on(&parser, part, cut, &v);
    check_verdict(&v, part, cut);
    if (v.result == HTTP1_MORE) {
        FUZZ_CHECK(whole->result != HTTP1_DONE || cut < whole->request.head_size);
        parse_on(&parser, data, len, &v);
    }
    check_same(&v, whole);
    free(part);
}

static void check_drip(const struct verdict *whole, const char *data, size_t len)
{
    struct http1_parser parser = {0};
    struct verdict v = {.result = HTTP1_MORE};
    for (size_t n = 0; n <= len && v.result == HTTP1_MORE; n++)
        parse_on(&parser, data, n, &v);
    check_same(&v, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http1_parser parser = {0};
    struct fuzz_random random = fuzz_random(data, size);
    char *copy = fuzz_copy(data, size);
    struct verdict whole;
    parse_on(&parser, copy, size, &whole);
    check_verdict(&whole, copy, size);
    check_drip(&whole, copy, size);
    size_t cuts = size < LARGE ? CUTS : CUTS_OF_LARGE;
    for (size_t i = 0; i < cuts && i <= size; i++)
        check_cut(&whole, copy, size, size < CUTS ? i : fuzz_draw(&random, size + 1));
    if (whole.result == HTTP1_DONE) {
        check_cut(&whole, copy, size, whole.request.head_size - 1);
        check_cut(&whole, copy, size, whole.request.head_size);
    }
    free(copy);
    return 0;
}
