/* HTTP/2 sessions, byte for byte: one result, however they are cut. */
#include "http/http2.h"

#include "check.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#define FRAME_HEAD 9
#define PADDING 255
#define ROOM 65536

static const struct respond_options options = {.date = "Sun, 06 Nov 1994 08:49:37 GMT"};

static void answer(void *owner, uint32_t stream, const struct http_request *r)
{
    const struct decide_answer found = {.status = 405};
    struct http2 **session = owner;
    (void)r;
    http2_answer(*session, stream, &found, &options);
}

static void refuse(void *owner, uint32_t stream, uint16_t status)
{
    (void)owner;
    fail_msg("stream %u: %u", stream, status);
}

static const struct http2_events events = {.request = answer, .refused = refuse};

/* Appends a frame's head. */
static void put_head(struct buf *out, size_t len, uint8_t type, uint8_t flags)
{
    const unsigned char head[FRAME_HEAD] = {
        (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, 1,
    };
    buf_put(out, head, sizeof(head));
}

/* A POST whose body, of one frame, fills the stream's window and goes on; its end is padding. */
static struct buf upload(char *memory)
{
    static const char fields[] = "\x83\x87\x04\x04/v2/\x01\x01x";
    static const char settings[FRAME_HEAD] = {0, 0, 0, NGHTTP2_SETTINGS};
    static char body[HTTP2_WINDOW] = {(char)PADDING};
    struct buf out = buf_make(memory, ROOM);
    buf_text(&out, HTTP2_PREFACE);
    buf_put(&out, settings, sizeof(settings));
    put_head(&out, sizeof(fields) - 1, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS);
    buf_put(&out, fields, sizeof(fields) - 1);
    put_head(&out, sizeof(body), NGHTTP2_DATA, NGHTTP2_FLAG_PADDED);
    buf_put(&out, body, sizeof(body));
    assert_false(out.full);
    return out;
}

/* Counts the frames of a type among those that are sent. */
static unsigned sent(struct http2 *session, uint8_t type)
{
    static char out[ROOM];
    unsigned n = 0;
    size_t len = http2_send(session, out, sizeof(out)), size;
    for (size_t at = 0; at < len; at += FRAME_HEAD + size) {
        const unsigned char *head = (const unsigned char *)out + at;
        size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        n += head[3] == type;
    }
    return n;
}

static void an_upload_that_fills_its_window_is_ended_however_it_is_cut(void **state)
{
    (void)state;
    char *memory = malloc(ROOM);
    struct buf in = upload(memory);
    const size_t pieces[] = {1, 7, 255, 4096, in.len};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct blocks blocks = {0};
        struct http2 *session = NULL;
        session = http2_new(&events, &session, &blocks, 0);
        assert_non_null(session);
        size_t body = in.len - HTTP2_WINDOW - FRAME_HEAD;
        assert_true(http2_receive(session, in.data, body, 0));
        assert_int_equal(sent(session, NGHTTP2_HEADERS), 1);
        for (size_t at = body, n; at < in.len; at += n) {
            n = pieces[i] < in.len - at ? pieces[i] : in.len - at;
            assert_true(http2_receive(session, in.data + at, n, 0));
        }
        assert_int_equal(sent(session, NGHTTP2_RST_STREAM), 1);
        http2_free(session);
        blocks_release(&blocks);
    }
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_that_fills_its_window_is_ended_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
