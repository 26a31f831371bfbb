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

/* What statuses mean, as IANA's registry has it. */
static const struct {
    uint16_t status;
    struct str reason;
} reasons[] = {
    {200, STR_INIT("OK")},
    {400, STR_INIT("Bad Request")},
    {401, STR_INIT("Unauthorized")},
    {402, STR_INIT("Payment Required")},
    {403, STR_INIT("Forbidden")},
    {404, STR_INIT("Not Found")},
    {405, STR_INIT("Method Not Allowed")},
    {406, STR_INIT("Not Acceptable")},
    {407, STR_INIT("Proxy Authentication Required")},
    {408, STR_INIT("Request Timeout")},
    {409, STR_INIT("Conflict")},
    {410, STR_INIT("Gone")},
    {411, STR_INIT("Length Required")},
    {412, STR_INIT("Precondition Failed")},
    {413, STR_INIT("Content Too Large")},
    {414, STR_INIT("URI Too Long")},
    {415, STR_INIT("Unsupported Media Type")},
    {416, STR_INIT("Range Not Satisfiable")},
    {417, STR_INIT("Expectation Failed")},
    {421, STR_INIT("Misdirected Request")},
    {422, STR_INIT("Unprocessable Content")},
    {423, STR_INIT("Locked")},
    {424, STR_INIT("Failed Dependency")},
    {425, STR_INIT("Too Early")},
    {426, STR_INIT("Upgrade Required")},
    {428, STR_INIT("Precondition Required")},
    {429, STR_INIT("Too Many Requests")},
    {431, STR_INIT("Request Header Fields Too Large")},
    {451, STR_INIT("Unavailable For Legal Reasons")},
    {503, STR_INIT("Service Unavailable")},
    {505, STR_INIT("HTTP Version Not Supported")},
};

/* Of a status that is not registered, which a route may name, its class is said. */
static struct str reason_of(uint16_t status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return STR("Client Error");
}

static void put_status(struct buf *out, uint16_t status)
{
    PUT(out, "HTTP/1.1 ");
    buf_u64(out, status);
    PUT(out, " ");
    buf_str(out, reason_of(status));
    if (status == 405)
        PUT(out, "\r\nAllow: GET, HEAD");
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
        buf_str(out, decide_body_type(answer));
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
