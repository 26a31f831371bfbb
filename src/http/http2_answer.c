#include "http/http2_answer.h"

#include "base/num.h"
#include "http/http2.h"

#include <assert.h>
#include <nghttp2/nghttp2.h>

#define FRAME_HEAD 9      /* bytes: RFC 9113 section 4.1 */
#define PAYLOAD_MAX 16384 /* what every client takes: section 4.2 */
#define STATUS_MAX 64     /* what nghttp2 says of the status, and of the size of its table */

/* Of an answer, all but Location and its own text. */
#define OTHERS_MAX 192

/* Places in the static table, RFC 7541 appendix A. */
enum {
    NAME_NONE = 0,
    NAME_ALLOW = 22,
    NAME_CONTENT_LENGTH = 28,
    NAME_CONTENT_TYPE = 31,
    NAME_DATE = 33,
    NAME_LOCATION = 46,
    NAME_RETRY_AFTER = 53,
};

#define STATUS_BYTES 10 /* of ":status" and its value */

/* A text that may be gone before it is sent; it ends with a zero byte. */
struct http2_answer_body {
    struct http2_answer_body *next;
    uint32_t stream;
    char text[];
};

struct http2_answer_rest {
    struct http2_answer_rest *next;
    uint32_t stream;
    uint32_t len;
    char fields[];
};

/* ── Fields: RFC 7541 section 6.2.2 ── */

struct writer {
    char *at;
    size_t bytes; /* of names and values */
};

/* RFC 7541 section 5.1; pattern: what stands before the prefix, in the same byte. */
static void put_number(struct writer *w, unsigned pattern, unsigned prefix_max, size_t n)
{
    if (n < prefix_max) {
        *w->at++ = (char)(pattern | n);
        return;
    }
    *w->at++ = (char)(pattern | prefix_max);
    for (n -= prefix_max; n >= 128; n /= 128)
        *w->at++ = (char)(128 | n % 128);
    *w->at++ = (char)n;
}

static void put_text(struct writer *w, struct str text)
{
    put_number(w, 0, 127, text.len);
    memcpy(w->at, text.data, text.len);
    w->at += text.len;
    w->bytes += text.len;
}

static void put(struct writer *w, unsigned place, struct str name, struct str value)
{
    put_number(w, 0, 15, place);
    if (place == NAME_NONE)
        put_text(w, name);
    else
        w->bytes += name.len;
    put_text(w, value);
}

static void put_number_field(struct writer *w, unsigned place, struct str name, uint64_t n)
{
    char text[NUM_TEXT_MAX];
    put(w, place, name, str_make(text, num_format(n, text)));
}

static void put_fields(struct writer *w, const struct decide_answer *answer,
                       const struct respond_options *options)
{
    if (answer->location.len > 0)
        put(w, NAME_LOCATION, STR("location"), answer->location);
    if (answer->status == 405)
        put(w, NAME_ALLOW, STR("allow"), STR("GET, HEAD"));
    if (answer->step == DECIDE_R5)
        put(w, NAME_NONE, STR("docker-distribution-api-version"), STR("registry/2.0"));
    if (answer->body.len > 0)
        put(w, NAME_CONTENT_TYPE, STR("content-type"), decide_body_type(answer));
    if (options->retry_after > 0)
        put_number_field(w, NAME_RETRY_AFTER, STR("retry-after"), options->retry_after);
    put(w, NAME_DATE, STR("date"), str_make(options->date, RESPOND_DATE_SIZE));
    put_number_field(w, NAME_CONTENT_LENGTH, STR("content-length"), answer->body.len);
}

static void put_page_fields(struct writer *w, const struct respond_page *page,
                            const struct respond_options *options)
{
    for (size_t i = 0; i < page->n_fields; i++) {
        char *name = w->at + 2; /* behind the place and the length of less than 127 */
        put(w, NAME_NONE, page->field[i].name, page->field[i].value);
        for (size_t j = 0; j < page->field[i].name.len; j++)
            if (name[j] >= 'A' && name[j] <= 'Z')
                name[j] = (char)(name[j] | 0x20); /* RFC 9113 section 8.2 */
    }
    if (page->status == 405)
        put(w, NAME_ALLOW, STR("allow"), STR("GET, HEAD"));
    put(w, NAME_CONTENT_TYPE, STR("content-type"), page->type);
    put(w, NAME_DATE, STR("date"), str_make(options->date, RESPOND_DATE_SIZE));
    put_number_field(w, NAME_CONTENT_LENGTH, STR("content-length"), page->body.len);
}

/* ── The queue ── */

/* Room for an answer's fields, which are written next. NULL: there is no memory. */
static struct http2_answer_rest *new_rest(struct http2_answer_queue *q, uint32_t stream,
                                          size_t most)
{
    assert(most <= PAYLOAD_MAX - STATUS_MAX);
    struct http2_answer_rest *rest = blocks_take(q->blocks, sizeof(*rest) + most);
    if (rest == NULL)
        return NULL;
    rest->next = NULL;
    rest->stream = stream;
    if (q->first == NULL)
        q->first = rest;
    else
        q->last->next = rest;
    q->last = rest;
    return rest;
}

static void end_rest(struct http2_answer_rest *rest, const struct writer *w, size_t most)
{
    rest->len = (uint32_t)(w->at - rest->fields);
    assert(rest->len <= most);
}

/* nghttp2 makes answers in the order in which they were submitted, less those that became void: it
 * is the first, as a rule. NULL: the stream has none. */
static struct http2_answer_rest *take_rest(struct http2_answer_queue *q, uint32_t stream)
{
    struct http2_answer_rest *before = NULL, *rest = q->first;
    while (rest != NULL && rest->stream != stream) {
        before = rest;
        rest = rest->next;
    }
    if (rest == NULL)
        return NULL;
    if (before == NULL)
        q->first = rest->next;
    else
        before->next = rest->next;
    if (q->last == rest)
        q->last = before;
    return rest;
}

static void drop_body(struct http2_answer_queue *q, uint32_t stream)
{
    struct http2_answer_body **link = &q->bodies;
    while (*link != NULL && (*link)->stream != stream)
        link = &(*link)->next;
    struct http2_answer_body *body = *link;
    if (body == NULL)
        return;
    *link = body->next;
    blocks_give(q->blocks, body);
}

/* A copy that is there until the stream is gone; NULL: there is no memory. */
static const char *keep_body(struct http2_answer_queue *q, uint32_t stream, struct str text)
{
    struct http2_answer_body *body = blocks_take(q->blocks, sizeof(*body) + text.len + 1);
    if (body == NULL)
        return NULL;
    body->next = q->bodies;
    body->stream = stream;
    memcpy(body->text, text.data, text.len);
    body->text[text.len] = '\0';
    q->bodies = body;
    return body->text;
}

void http2_answer_begins(struct http2_answer_queue *q, uint32_t stream)
{
    assert(q->current == NULL);
    q->current = take_rest(q, stream);
    q->begun = stream;
}

size_t http2_answer_complete(struct http2_answer_queue *q, char *frame, size_t len)
{
    struct http2_answer_rest *rest = q->current;
    if (rest == NULL)
        return len;
    assert(frame[3] == NGHTTP2_HEADERS && (frame[4] & NGHTTP2_FLAG_END_HEADERS) &&
           len <= FRAME_HEAD + STATUS_MAX);
    memcpy(frame + len, rest->fields, rest->len);
    len += rest->len;
    size_t payload = len - FRAME_HEAD;
    frame[0] = (char)(payload >> 16);
    frame[1] = (char)(payload >> 8);
    frame[2] = (char)payload;
    blocks_give(q->blocks, rest);
    q->current = NULL;
    return len;
}

void http2_answer_forget(struct http2_answer_queue *q, uint32_t stream)
{
    drop_body(q, stream);
    if (stream != q->begun && q->first != NULL)
        blocks_give(q->blocks, take_rest(q, stream));
}

void http2_answer_release(struct http2_answer_queue *q)
{
    blocks_give(q->blocks, q->current);
    while (q->bodies != NULL)
        drop_body(q, q->bodies->stream);
    while (q->first != NULL)
        blocks_give(q->blocks, take_rest(q, q->first->stream));
}

/* ── Answers ── */

/* source->ptr is what is left of a static text. */
static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    const char *text = source->ptr;
    size_t left = strlen(text), n = left < size ? left : size;
    (void)session;
    (void)stream;
    (void)context;
    memcpy(data, text, n);
    source->ptr = (void *)(uintptr_t)(text + n);
    if (n == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* text: a body that is there until the stream is gone; NULL: none. */
static int submit(struct http2_answer_queue *q, uint32_t stream, unsigned n, const char *text)
{
    const struct str name = STR(":status");
    const char status[] = {(char)('0' + n / 100), (char)('0' + n / 10 % 10), (char)('0' + n % 10)};
    nghttp2_nv field = {
        .name = (uint8_t *)(uintptr_t)name.data,
        .value = (uint8_t *)(uintptr_t)status,
        .namelen = name.len,
        .valuelen = sizeof(status),
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME,
    };
    nghttp2_data_provider body = {.source.ptr = (void *)(uintptr_t)text,
                                  .read_callback = read_body};
    int error = nghttp2_submit_response(q->session, (int32_t)stream, &field, 1,
                                        text != NULL ? &body : NULL);
    if (error != 0)
        http2_answer_forget(q, stream);
    return error;
}

static int submit_page(struct http2_answer_queue *q, uint32_t stream,
                       const struct respond_page *page, const struct respond_options *options,
                       size_t *bytes)
{
    const char *text = NULL;
    size_t most = OTHERS_MAX + page->type.len;
    *bytes = 0;
    for (size_t i = 0; i < page->n_fields; i++)
        most += page->field[i].name.len + page->field[i].value.len + HTTP2_FIELD_MORE;
    if (!options->head && (text = keep_body(q, stream, page->body)) == NULL)
        return NGHTTP2_ERR_NOMEM;
    struct http2_answer_rest *rest = new_rest(q, stream, most);
    if (rest == NULL)
        return NGHTTP2_ERR_NOMEM;
    struct writer w = {.at = rest->fields};
    put_page_fields(&w, page, options);
    end_rest(rest, &w, most);
    *bytes = w.bytes + STATUS_BYTES + (text != NULL ? page->body.len : 0);
    return submit(q, stream, page->status, text);
}

int http2_answer_submit(struct http2_answer_queue *q, uint32_t stream,
                        const struct decide_answer *answer, const struct respond_options *options,
                        size_t *bytes)
{
    const char *text = answer->body.data;
    bool has_body = answer->body.len > 0 && !options->head;
    size_t most = OTHERS_MAX + answer->location.len;
    *bytes = 0;
    if (options->page != NULL)
        return submit_page(q, stream, options->page, options, bytes);
    if (has_body && answer->step == DECIDE_ROUTE)
        text = keep_body(q, stream, answer->body);
    if (has_body && text == NULL)
        return NGHTTP2_ERR_NOMEM;
    struct http2_answer_rest *rest = new_rest(q, stream, most);
    if (rest == NULL)
        return NGHTTP2_ERR_NOMEM;
    struct writer w = {.at = rest->fields};
    put_fields(&w, answer, options);
    end_rest(rest, &w, most);
    *bytes = w.bytes + STATUS_BYTES + (has_body ? answer->body.len : 0);
    return submit(q, stream, answer->status, has_body ? text : NULL);
}
