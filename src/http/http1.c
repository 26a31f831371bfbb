#include "http/http1.h"

#include "base/ascii.h"
#include "base/num.h"
#include "base/scan.h"
#include "http/authority.h"
#include "http/http_target.h"

#define METHOD_MAX 32
#define VERSION_SIZE 8 /* "HTTP/1.1" */
#define CRLF_SIZE 2
#define REQUEST_LINE_MAX (METHOD_MAX + 1 + HTTP1_TARGET_MAX + 1 + VERSION_SIZE)

enum {
    SEEN_EMPTY_LINE = 1 << 0, /* the one before the request line that RFC 9112, 2.2 allows */
    SEEN_REQUEST_LINE = 1 << 1,
    SEEN_HTTP10 = 1 << 2,
    SEEN_HOST = 1 << 3,
    SEEN_LENGTH = 1 << 4,
    SEEN_CODING = 1 << 5,
    SEEN_BODY = 1 << 6,
    SEEN_CLOSE = 1 << 7,
    SEEN_KEEP_ALIVE = 1 << 8,
};

/* RFC 9110 section 5.6.2. */
static const bool is_token_byte[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static size_t token_length(struct str text)
{
    size_t i = 0;
    while (i < text.len && is_token_byte[(unsigned char)text.data[i]])
        i++;
    return i;
}

static enum http1_result refuse(struct http1_parser *parser, uint16_t status)
{
    parser->status = status;
    return HTTP1_ERROR;
}

/* ── Request line ── */

/* The version's status: 0 where we speak it. A minor version above ours is answered as ours is (RFC
 * 9110 section 2.5); below 1.0 there is nothing with a head. */
static uint16_t version_status(const char *version)
{
    if (memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' || version[5] < '0' ||
        version[5] > '9' || version[7] < '0' || version[7] > '9' || version[5] == '0')
        return 400;
    return version[5] == '1' ? 0 : 505;
}

static enum http1_result request_line(struct http1_parser *parser, struct str line,
                                      struct http_request *request)
{
    /* The preface of HTTP/2 (RFC 9113 section 3.4): an answer in HTTP/1.1 would tell it nothing. */
    if (str_eq(line, STR("PRI * HTTP/2.0")))
        return HTTP1_CLOSE;

    size_t method = token_length(line);
    if (method == 0 || method > METHOD_MAX || line.len < method + 2 + VERSION_SIZE)
        return refuse(parser, 400);
    const char *version = line.data + line.len - VERSION_SIZE;
    if (line.data[method] != ' ' || version[-1] != ' ')
        return refuse(parser, 400);

    uint16_t status = version_status(version);
    if (status != 0)
        return refuse(parser, status);

    request->method_text = str_make(line.data, method);
    request->method = http_request_method(request->method_text);
    request->target = str_make(line.data + method + 1, line.len - method - 2 - VERSION_SIZE);
    if (request->target.len > HTTP1_TARGET_MAX)
        return refuse(parser, 414);
    if (request->target.len == 0 || !http_target_valid(request->target) ||
        (request->target.data[0] != '/' &&
         !http_target_form_valid(request->method_text, request->target)))
        return refuse(parser, 400);

    parser->seen |= version[7] == '0' ? SEEN_REQUEST_LINE | SEEN_HTTP10 : SEEN_REQUEST_LINE;
    return HTTP1_MORE;
}

/* ── Fields ── */

static enum http1_result host_field(struct http1_parser *parser, struct str value,
                                    struct http_request *request)
{
    if ((parser->seen & SEEN_HOST) || !authority_valid(value))
        return refuse(parser, 400);
    parser->seen |= SEEN_HOST;
    request->host = value;
    return HTTP1_MORE;
}

/* RFC 9110 section 7.6.1. Options that are no token are nobody's: they are passed over. */
static enum http1_result connection_field(struct http1_parser *parser, struct str value)
{
    while (value.len > 0) {
        size_t comma = str_find(value, ',');
        struct str option = ascii_trim(str_make(value.data, comma));
        if (str_eq_nocase(option, STR("close")))
            parser->seen |= SEEN_CLOSE;
        else if (str_eq_nocase(option, STR("keep-alive")))
            parser->seen |= SEEN_KEEP_ALIVE;
        value = str_skip(value, comma < value.len ? comma + 1 : comma);
    }
    return HTTP1_MORE;
}

/* RFC 9112 section 6.3, without its leniencies: the field stands once, and holds one number. */
static enum http1_result length_field(struct http1_parser *parser, struct str value)
{
    uint64_t length;
    if ((parser->seen & (SEEN_LENGTH | SEEN_CODING)) || !num_parse(value, INT64_MAX, &length))
        return refuse(parser, 400);
    parser->seen |= length > 0 ? SEEN_LENGTH | SEEN_BODY : SEEN_LENGTH;
    return HTTP1_MORE;
}

/* RFC 9112 section 6.1. "chunked" alone: no other coding is known here, and the only use of a
 * second field, of one beside Content-Length, or of one in 1.0, is to hide a request. */
static enum http1_result coding_field(struct http1_parser *parser, struct str value)
{
    if ((parser->seen & (SEEN_LENGTH | SEEN_CODING | SEEN_HTTP10)) ||
        !str_eq_nocase(value, STR("chunked")))
        return refuse(parser, 400);
    parser->seen |= SEEN_CODING | SEEN_BODY;
    return HTTP1_MORE;
}

static void keep_first(struct str *kept, struct str value)
{
    if (kept->len == 0)
        *kept = value;
}

/* name is a token, lower consists of lower-case letters and '-': then the one bit that is set below
 * makes no two of their bytes equal that are not but for the case. */
static inline bool name_is(const char *name, const char *lower, size_t len)
{
    unsigned char differ = 0;
    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)((unsigned char)(name[i] | 0x20) ^ (unsigned char)lower[i]);
    return differ == 0;
}
#define NAME_IS(name, literal) name_is(name, literal, sizeof(literal) - 1)

static enum http1_result known_field(struct http1_parser *parser, struct str name, struct str value,
                                     struct http_request *request)
{
    const char *n = name.data;
    switch (name.len) {
    case 4:
        return NAME_IS(n, "host") ? host_field(parser, value, request) : HTTP1_MORE;
    case 10:
        if (NAME_IS(n, "user-agent"))
            keep_first(&request->user_agent, value);
        else if (NAME_IS(n, "connection"))
            return connection_field(parser, value);
        return HTTP1_MORE;
    case 11:
        if (NAME_IS(n, "traceparent"))
            keep_first(&request->traceparent, value);
        return HTTP1_MORE;
    case 14:
        return NAME_IS(n, "content-length") ? length_field(parser, value) : HTTP1_MORE;
    case 15:
        if ((n[0] | 0x20) == 'x' && NAME_IS(n, "x-forwarded-for"))
            request->forwarded_for[request->n_forwarded_for++] = value;
        return HTTP1_MORE;
    case 17:
        return NAME_IS(n, "transfer-encoding") ? coding_field(parser, value) : HTTP1_MORE;
    case 21:
        if (NAME_IS(n, "x-cloud-trace-context"))
            keep_first(&request->cloud_trace, value);
        return HTTP1_MORE;
    default:
        return HTTP1_MORE;
    }
}

/* What routes look at may be any field, of those that are known here, too. */
static void wanted_field(const struct http_request_wanted *wanted, struct str name,
                         struct str value, struct http_request *request)
{
    for (uint32_t i = 0; i < wanted->n; i++)
        if (wanted->name[i].len == name.len && request->wanted[i].data == NULL &&
            str_eq_nocase(wanted->name[i], name))
            request->wanted[i] = value;
}

static enum http1_result field_line(struct http1_parser *parser, struct str line,
                                    struct http_request *request)
{
    if (++parser->fields > HTTP1_FIELDS_MAX)
        return refuse(parser, 431);
    size_t name = token_length(line);
    if (name == 0 || name == line.len || line.data[name] != ':')
        return refuse(parser, 400);
    struct str value = ascii_trim(str_skip(line, name + 1));
    if (request->n_wanted > 0)
        wanted_field(parser->wanted, str_make(line.data, name), value, request);
    return known_field(parser, str_make(line.data, name), value, request);
}

/* ── The head ── */

static enum http1_result empty_line(struct http1_parser *parser, struct http_request *request)
{
    if (!(parser->seen & SEEN_REQUEST_LINE)) {
        if (parser->seen & SEEN_EMPTY_LINE)
            return refuse(parser, 400);
        parser->seen |= SEEN_EMPTY_LINE;
        return HTTP1_MORE;
    }

    request->http10 = parser->seen & SEEN_HTTP10;
    if (!(parser->seen & (SEEN_HOST | SEEN_HTTP10)))
        return refuse(parser, 400);
    request->close = (parser->seen & (SEEN_CLOSE | SEEN_BODY)) ||
                     (request->http10 && !(parser->seen & SEEN_KEEP_ALIVE));
    request->head_size = parser->line;
    return HTTP1_DONE;
}

/* After empty_line(), with every view in place. RFC 9112 section 3.2.2: the authority of
 * absolute-form counts; a client has both from one URI, so another Host is no client's. */
static enum http1_result settle_authority(struct http1_parser *parser, struct http_request *request)
{
    struct str authority;
    if (request->target.data[0] == '/' || !http_target_authority(request->target, &authority))
        return HTTP1_DONE;
    if ((parser->seen & SEEN_HOST) && !str_eq_nocase(authority, request->host))
        return refuse(parser, 400);
    request->host = authority;
    return HTTP1_DONE;
}

/* A line that has no end where the longest must have had it. */
static enum http1_result too_long(struct http1_parser *parser, const char *line)
{
    if (parser->seen & SEEN_REQUEST_LINE)
        return refuse(parser, 431);
    size_t method = token_length(str_make(line, METHOD_MAX + 1));
    return refuse(parser, method > 0 && method <= METHOD_MAX && line[method] == ' ' ? 414 : 400);
}

/* Finds the CR LF that ends the unparsed line. Every control is refused where it stands, so that a
 * bare CR or LF is not waited on. HTTP1_DONE: *end is where the CR stands. */
static enum http1_result line_end(struct http1_parser *parser, const char *data, size_t len,
                                  size_t *end)
{
    size_t line_max = parser->seen & SEEN_REQUEST_LINE ? HTTP1_FIELD_MAX : REQUEST_LINE_MAX;
    size_t limit = parser->line + line_max + CRLF_SIZE;
    if (limit > HTTP1_HEAD_MAX)
        limit = HTTP1_HEAD_MAX;
    size_t bound = len < limit ? len : limit;

    size_t stop = scan_control(data, parser->scanned, bound);
    if (stop < bound && data[stop] != '\r')
        return refuse(parser, 400);
    if (bound - stop >= CRLF_SIZE) {
        *end = stop;
        return data[stop + 1] == '\n' ? HTTP1_DONE : refuse(parser, 400);
    }
    parser->scanned = stop;
    return bound < limit ? HTTP1_MORE : too_long(parser, data + parser->line);
}

/* What begins like this is TLS or noise, and understands no answer. */
static bool is_noise(unsigned char first)
{
    return first >= 0x80 || (scan_is_control(first) && first != '\r' && first != '\n');
}

static void begin(const struct http1_parser *parser, struct http_request *request)
{
    http_request_want(request, parser->wanted);
    request->host = request->user_agent = request->traceparent = request->cloud_trace = STR("");
    request->n_forwarded_for = 0; /* what lies in forwarded_for past this is never read */
}

static enum http1_result parse_lines(struct http1_parser *parser, const char *data, size_t len,
                                     struct http_request *request)
{
    begin(parser, request);
    for (;;) {
        if (!(parser->seen & SEEN_REQUEST_LINE) && parser->line < len &&
            is_noise((unsigned char)data[parser->line]))
            return HTTP1_CLOSE;

        size_t end;
        enum http1_result result = line_end(parser, data, len, &end);
        if (result != HTTP1_DONE)
            return result;
        struct str line = str_make(data + parser->line, end - parser->line);
        parser->line = parser->scanned = end + CRLF_SIZE;

        if (line.len == 0)
            result = empty_line(parser, request);
        else if (!(parser->seen & SEEN_REQUEST_LINE))
            result = request_line(parser, line, request);
        else
            result = field_line(parser, line, request);
        if (result != HTTP1_MORE)
            return result;
    }
}

enum http1_result http1_parse(struct http1_parser *parser, const char *data, size_t len,
                              struct http_request *request)
{
    bool resumed = parser->line > 0;
    enum http1_result result = parse_lines(parser, data, len, request);
    if (result == HTTP1_DONE && resumed) {
        /* The views of lines that earlier calls have read are gone: once more, from the start. */
        *parser = (struct http1_parser){.wanted = parser->wanted};
        result = parse_lines(parser, data, len, request);
    }
    return result == HTTP1_DONE ? settle_authority(parser, request) : result;
}
