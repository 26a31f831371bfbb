#include "http/http2_answer.h"

#include "base/num.h"

#include <nghttp2/nghttp2.h>

#define FIELDS_MAX 7

struct fields {
    nghttp2_nv field[FIELDS_MAX];
    size_t n;
    size_t bytes;
};

static void put(struct fields *f, struct str name, struct str value)
{
    f->field[f->n++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.data,
        .value = (uint8_t *)(uintptr_t)value.data,
        .namelen = name.len,
        .valuelen = value.len,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME,
    };
    f->bytes += name.len + value.len;
}

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

static struct str text_of(uint64_t n, char out[NUM_TEXT_MAX])
{
    return str_make(out, num_format(n, out));
}

static void put_special(struct fields *f, const struct decide_answer *answer)
{
    if (answer->status == 307)
        put(f, STR("location"), answer->location);
    if (answer->status == 405)
        put(f, STR("allow"), STR("GET, HEAD"));
    if (answer->step == DECIDE_R5)
        put(f, STR("docker-distribution-api-version"), STR("registry/2.0"));
    if (answer->body.len > 0)
        put(f, STR("content-type"), STR("application/json"));
}

int http2_answer_submit(nghttp2_session *session, uint32_t stream,
                        const struct decide_answer *answer, const struct respond_options *options,
                        size_t *bytes)
{
    struct fields f = {0};
    char status[NUM_TEXT_MAX], retry[NUM_TEXT_MAX], length[NUM_TEXT_MAX];
    nghttp2_data_provider body = {.source.ptr = (void *)(uintptr_t)answer->body.data,
                                  .read_callback = read_body};
    bool has_body = answer->body.len > 0 && !options->head;
    put(&f, STR(":status"), text_of(answer->status, status));
    put_special(&f, answer);
    if (options->retry_after > 0)
        put(&f, STR("retry-after"), text_of(options->retry_after, retry));
    put(&f, STR("date"), str_make(options->date, RESPOND_DATE_SIZE));
    put(&f, STR("content-length"), text_of(answer->body.len, length));
    *bytes = f.bytes + (has_body ? answer->body.len : 0);
    return nghttp2_submit_response(session, (int32_t)stream, f.field, f.n, has_body ? &body : NULL);
}
