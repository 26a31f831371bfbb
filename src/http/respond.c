#include "http/respond.h"

#include <assert.h>
#include <time.h>

#define REDIRECT "HTTP/1.1 307 Temporary Redirect\r\nLocation: "
static_assert(sizeof(REDIRECT) - 1 == RESPOND_LOCATION_AT, "what stands before the Location");

/* Appends a literal: its length is a constant, so the copy is a few moves. */
#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)

static void put_digits(char *out, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void respond_date(int64_t unix_seconds, char out[RESPOND_DATE_SIZE])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)unix_seconds;
    struct tm t = {0};
    gmtime_r(&seconds, &t);

    memcpy(out, "ddd, 00 mmm 0000 00:00:00 GMT", RESPOND_DATE_SIZE);
    memcpy(out, days + 3 * t.tm_wday, 3);
    put_digits(out + 5, t.tm_mday, 2);
    memcpy(out + 8, months + 3 * t.tm_mon, 3);
    put_digits(out + 12, t.tm_year + 1900, 4);
    put_digits(out + 17, t.tm_hour, 2);
    put_digits(out + 20, t.tm_min, 2);
    put_digits(out + 23, t.tm_sec, 2);
}

static void put_date(struct buf *out, const char *date)
{
    PUT(out, "\r\nDate: ");
    buf_put(out, date, RESPOND_DATE_SIZE);
}

static void put_connection(struct buf *out, enum respond_connection connection)
{
    if (connection == RESPOND_CLOSE)
        PUT(out, "\r\nConnection: close");
    else if (connection == RESPOND_KEEP_HTTP10)
        PUT(out, "\r\nConnection: keep-alive");
}

/* What stands before the Location is at most as long as for 307: a Location that was written there
 * is still whole, and moves down. */
static void put_location(struct buf *out, struct str location)
{
    if (location.len > out->size - out->len) {
        out->full = true;
        return;
    }
    if (location.data != out->data + out->len)
        memmove(out->data + out->len, location.data, location.len);
    out->len += location.len;
}

static void put_redirect(struct buf *out, uint16_t status, struct str location,
                         const struct respond_options *options)
{
    if (status == 307)
        PUT(out, REDIRECT);
    else if (status == 301)
        PUT(out, "HTTP/1.1 301 Moved Permanently\r\nLocation: ");
    else if (status == 302)
        PUT(out, "HTTP/1.1 302 Found\r\nLocation: ");
    else
        PUT(out, "HTTP/1.1 308 Permanent Redirect\r\nLocation: ");
    put_location(out, location);
    put_date(out, options->date);
    put_connection(out, options->connection);
    PUT(out, "\r\nContent-Length: 0\r\n\r\n");
}

static void put_status(struct buf *out, uint16_t status)
{
    switch (status) {
    case 200:
        PUT(out, "HTTP/1.1 200 OK");
        break;
    case 403:
        PUT(out, "HTTP/1.1 403 Forbidden");
        break;
    case 404:
        PUT(out, "HTTP/1.1 404 Not Found");
        break;
    case 405:
        PUT(out, "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD");
        break;
    case 408:
        PUT(out, "HTTP/1.1 408 Request Timeout");
        break;
    case 410:
        PUT(out, "HTTP/1.1 410 Gone");
        break;
    case 414:
        PUT(out, "HTTP/1.1 414 URI Too Long");
        break;
    case 429:
        PUT(out, "HTTP/1.1 429 Too Many Requests");
        break;
    case 431:
        PUT(out, "HTTP/1.1 431 Request Header Fields Too Large");
        break;
    case 451:
        PUT(out, "HTTP/1.1 451 Unavailable For Legal Reasons");
        break;
    case 503:
        PUT(out, "HTTP/1.1 503 Service Unavailable");
        break;
    case 505:
        PUT(out, "HTTP/1.1 505 HTTP Version Not Supported");
        break;
    case 400:
        PUT(out, "HTTP/1.1 400 Bad Request");
        break;
    default: /* a status that a route names; its reason may be empty (RFC 9112 section 4) */
        PUT(out, "HTTP/1.1 ");
        buf_u64(out, status);
        PUT(out, " ");
        break;
    }
}

static void put_page(struct buf *out, const struct respond_page *page,
                     const struct respond_options *options)
{
    put_status(out, page->status);
    put_date(out, options->date);
    put_connection(out, options->connection);
    for (size_t i = 0; i < page->n_fields; i++) {
        PUT(out, "\r\n");
        buf_str(out, page->field[i].name);
        PUT(out, ": ");
        buf_str(out, page->field[i].value);
    }
    PUT(out, "\r\nContent-Type: ");
    buf_str(out, page->type);
    PUT(out, "\r\nContent-Length: ");
    buf_u64(out, page->body.len);
    PUT(out, "\r\n\r\n");
    if (!options->head)
        buf_str(out, page->body);
}

void respond_answer(struct buf *out, const struct decide_answer *answer,
                    const struct respond_options *options)
{
    if (options->page != NULL) {
        put_page(out, options->page, options);
        return;
    }
    if (answer->location.len > 0) {
        put_redirect(out, answer->status, answer->location, options);
        return;
    }

    put_status(out, answer->status);
    put_date(out, options->date);
    put_connection(out, options->connection);
    if (options->retry_after > 0) {
        PUT(out, "\r\nRetry-After: ");
        buf_u64(out, options->retry_after);
    }
    if (answer->step == DECIDE_R5)
        PUT(out, "\r\nDocker-Distribution-Api-Version: registry/2.0");
    if (answer->body.len > 0) {
        PUT(out, "\r\nContent-Type: ");
        buf_str(out, respond_type(answer));
    }
    PUT(out, "\r\nContent-Length: ");
    buf_u64(out, answer->body.len);
    PUT(out, "\r\n\r\n");
    if (!options->head)
        buf_str(out, answer->body);
}

static bool is_refusal(uint16_t status)
{
    return status == 400 || status == 408 || status == 414 || status == 431 || status == 505;
}

void respond_error(struct buf *out, uint16_t status, struct str why, const char *date)
{
    put_status(out, is_refusal(status) ? status : 400);
    put_date(out, date);
    PUT(out, "\r\nConnection: close");
    if (why.len > 0)
        PUT(out, "\r\nContent-Type: text/plain");
    PUT(out, "\r\nContent-Length: ");
    buf_u64(out, why.len);
    PUT(out, "\r\n\r\n");
    buf_str(out, why);
}
