#include "server/access_format.h"

#include "base/hex.h"
#include "exist/exist.h"
#include <archeio/decide.h>

#include <time.h>

#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)
#define FIXED 512     /* names, punctuation, numbers */
#define ESCAPED_MAX 6 /* a byte as \u00xx or \ufffd */
#define TRACE_DIGITS 32

size_t access_format_bound(const struct access_record *r)
{
    size_t text = r->cloud.len + r->region.len + r->method.len + r->host.len + r->path.len +
                  r->route.len + r->store.len + r->user_agent.len;
    return FIXED + ESCAPED_MAX * text;
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (hex_value(s.data[i]) < 0)
            return false;
    return true;
}

struct str access_format_trace(struct str field)
{
    /* traceparent: "00-" TRACE "-" ... */
    if (field.len > 3 + TRACE_DIGITS && field.data[2] == '-' && field.data[3 + TRACE_DIGITS] == '-')
        field = str_make(field.data + 3, TRACE_DIGITS);
    else
        field = str_make(field.data, str_find(field, '/'));
    return field.len == TRACE_DIGITS && is_hex(field) ? field : STR("");
}

static void put_time(struct access_format *f, struct buf *out, int64_t time_us)
{
    int64_t second = time_us / 1000000;
    if (second != f->second) {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        char text[32];
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
        memcpy(f->time, text, sizeof(f->time));
        f->second = second;
    }
    char micros[6];
    int64_t us = time_us % 1000000;
    for (int i = 5; i >= 0; i--, us /= 10)
        micros[i] = (char)('0' + us % 10);
    PUT(out, "{\"time\":\"");
    buf_put(out, f->time, sizeof(f->time));
    buf_put(out, micros, sizeof(micros));
    PUT(out, "Z\"");
}

const char *access_format_cache(int cache)
{
    static const char *const name[EXIST_STATES] = {
        [EXIST_PRESENT] = "present", [EXIST_ABSENT] = "absent", [EXIST_ERROR] = "error",
        [EXIST_DOWN] = "down",       [EXIST_MISS] = "miss",
    };
    return cache >= 0 && cache < EXIST_STATES ? name[cache] : "";
}

void access_format_line(struct access_format *f, struct buf *out, const struct access_record *r)
{
    char client[ADDR_TEXT_MAX];
    put_time(f, out, r->time_us);
    PUT(out, ",\"client\":\"");
    buf_put(out, client, addr_format(&r->client, client));
    if (r->asker.family != ADDR_NONE) {
        PUT(out, "\",\"asked_by\":\"");
        buf_put(out, client, addr_format(&r->asker, client));
    }
    PUT(out, "\",\"cloud\":\"");
    buf_json(out, r->cloud);
    PUT(out, "\",\"region\":\"");
    buf_json(out, r->region);
    PUT(out, "\",\"protocol\":\"");
    buf_text(out, r->http2 ? "h2" : "http/1.1");
    PUT(out, "\",\"method\":\"");
    buf_json(out, r->method);
    PUT(out, "\",\"host\":\"");
    buf_json(out, r->host);
    PUT(out, "\",\"path\":\"");
    buf_json(out, r->path);
    PUT(out, "\",\"status\":");
    buf_u64(out, r->status);
    PUT(out, ",\"reason\":\"");
    if (r->step != 0)
        buf_text(out, decide_step_name((enum decide_step)r->step));
    PUT(out, "\",\"route\":\"");
    buf_json(out, r->route);
    PUT(out, "\",\"store\":\"");
    buf_json(out, r->store);
    PUT(out, "\",\"cache\":\"");
    buf_text(out, access_format_cache(r->cache));
    PUT(out, "\",\"bytes\":");
    buf_u64(out, r->bytes);
    PUT(out, ",\"duration_us\":");
    buf_u64(out, r->duration_ns > 0 ? (uint64_t)r->duration_ns / 1000 : 0);
    PUT(out, ",\"user_agent\":\"");
    buf_json(out, r->user_agent);
    PUT(out, "\",\"trace\":\"");
    buf_str(out, access_format_trace(r->trace));
    PUT(out, "\"}\n");
}
