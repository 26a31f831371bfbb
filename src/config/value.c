#include "config/value.h"

#include "base/ascii.h"
#include "base/name.h"
#include "base/num.h"
#include "base/percent.h"
#include "ip/endpoint.h"
#include <inttypes.h>
#include <stdio.h>

#define PATH_MAX_BYTES 512
#define FILE_MAX_BYTES 4096

struct unit {
    struct str name;
    uint64_t factor;
    uint64_t least; /* what is fewer of them is said in smaller ones: 24h, not 1d */
};

static const struct unit durations[] = {
    {STR_INIT("d"), 86400000000000, 2}, {STR_INIT("h"), 3600000000000, 1},
    {STR_INIT("m"), 60000000000, 2},    {STR_INIT("s"), 1000000000, 1},
    {STR_INIT("ms"), 1000000, 1},
};

static const struct unit sizes[] = {
    {STR_INIT("GiB"), 1U << 30, 1},
    {STR_INIT("MiB"), 1U << 20, 1},
    {STR_INIT("KiB"), 1U << 10, 1},
    {STR_INIT("B"), 1, 1},
};

static const struct unit rates[] = {
    {STR_INIT("/s"), 3600, 1},
    {STR_INIT("/m"), 60, 1},
    {STR_INIT("/h"), 1, 1},
};

static bool read_units(struct str text, const struct unit *units, size_t n, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    uint64_t number;
    if (!num_parse(str_make(text.data, digits), INT64_MAX, &number))
        return false;
    struct str unit = str_skip(text, digits);
    if (unit.len == 0 && number == 0) {
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(unit, units[i].name) || number > INT64_MAX / units[i].factor)
            continue;
        *out = number * units[i].factor;
        return true;
    }
    return false;
}

static void format_units(uint64_t value, const struct unit *units, size_t n,
                         char out[VALUE_TEXT_MAX])
{
    size_t i = 0;
    while (i + 1 < n && (value / units[i].factor < units[i].least || value % units[i].factor != 0))
        i++;
    snprintf(out, VALUE_TEXT_MAX, "%" PRIu64 "%s", value / units[i].factor, units[i].name.data);
}

const char *value_duration(struct str text, int64_t *out)
{
    uint64_t value;
    if (!read_units(text, durations, sizeof(durations) / sizeof(durations[0]), &value))
        return "an integer and a unit (ms, s, m, h or d), such as 90s";
    *out = (int64_t)value;
    return NULL;
}

const char *value_size(struct str text, uint64_t *out)
{
    if (!read_units(text, sizes, sizeof(sizes) / sizeof(sizes[0]), out))
        return "an integer and a unit (B, KiB, MiB or GiB), such as 64MiB";
    return NULL;
}

const char *value_rate(struct str text, uint64_t *out)
{
    if (!read_units(text, rates, sizeof(rates) / sizeof(rates[0]), out))
        return "an integer and a unit (/s, /m or /h), such as 50/s";
    return NULL;
}

const char *value_percent(struct str text, uint64_t *out)
{
    static const char expected[] = "an integer from 0 to 100 and a percent sign, such as 20%";
    if (!str_ends(text, STR("%")))
        return expected;
    return num_parse(str_make(text.data, text.len - 1), 100, out) ? NULL : expected;
}

void value_format_duration(int64_t value, char out[VALUE_TEXT_MAX])
{
    if (value == 0)
        snprintf(out, VALUE_TEXT_MAX, "0s");
    else
        format_units((uint64_t)value, durations, sizeof(durations) / sizeof(durations[0]), out);
}

void value_format_size(uint64_t value, char out[VALUE_TEXT_MAX])
{
    format_units(value, sizes, sizeof(sizes) / sizeof(sizes[0]), out);
}

void value_format_rate(uint64_t value, char out[VALUE_TEXT_MAX])
{
    if (value == 0)
        snprintf(out, VALUE_TEXT_MAX, "0");
    else
        format_units(value, rates, sizeof(rates) / sizeof(rates[0]), out);
}

/* "[address]" with an IPv6 address in it. */
static bool is_bracketed(struct str host)
{
    struct addr addr;
    return host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']' &&
           memchr(host.data, ':', host.len) != NULL &&
           addr_parse(str_make(host.data + 1, host.len - 2), &addr);
}

const char *value_listen(struct str text)
{
    static const char expected[] = "an address and a port, such as \"[::]:8080\", \"0.0.0.0:80\" "
                                   "or \":8080\" (no host name)";
    struct endpoint at;
    return endpoint_parse(text, &at) ? NULL : expected;
}

/* A name that ends in a number is an IPv4 address to most clients, however it is written (127.1,
 * 0x7f000001: the URL standard's "ends in a number checker"): here it is to be one as RFC 3986
 * writes them, so that it is known where it leads. */
static bool is_odd_address(struct str host)
{
    struct addr addr;
    struct str name = str_ends(host, STR(".")) ? str_make(host.data, host.len - 1) : host;
    size_t dot = str_find_last(name, '.');
    struct str last = dot < name.len ? str_skip(name, dot + 1) : name;
    size_t digits = 0;
    while (digits < last.len && last.data[digits] >= '0' && last.data[digits] <= '9')
        digits++;
    bool hex = last.len >= 2 && last.data[0] == '0' && (last.data[1] | 0x20) == 'x';
    return (hex || (digits > 0 && digits == last.len)) && !addr_parse(host, &addr);
}

/* RFC 3986 section 3.2.2 and 3.2.3, without what no host here has (escapes, sub-delims). */
static bool is_authority(struct str s)
{
    struct str host = s;
    size_t colon = str_find_last(s, ':');
    if (colon < s.len && s.data[s.len - 1] != ']') {
        uint64_t port;
        if (!num_parse(str_skip(s, colon + 1), UINT16_MAX, &port) || port == 0)
            return false;
        host = str_make(s.data, colon);
    }
    if (host.len > 0 && host.data[0] == '[')
        return is_bracketed(host);
    return host.len > 0 && host.len <= 253 && ascii_consists_of(host, ".-_") &&
           host.data[0] != '.' && !is_odd_address(host);
}

/* pchar, and what others allows (RFC 3986 section 3.3). */
static bool is_url_text(struct str s, const char *others)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '%') {
            if (percent_byte(str_skip(s, i)) < 0)
                return false;
        } else if (!ascii_is_alnum(c) &&
                   (c == '\0' || (!strchr("-._~!$&'()*+,;=:@/", c) && !strchr(others, c)))) {
            return false;
        }
    }
    return true;
}

static bool is_url(struct str text, const char *others)
{
    size_t scheme = str_starts(text, STR("https://"))  ? 8
                    : str_starts(text, STR("http://")) ? 7
                                                       : 0;
    if (scheme == 0 || text.len > VALUE_URL_MAX)
        return false;
    struct str rest = str_skip(text, scheme);
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.data[end]) == NULL)
        end++;
    return is_authority(str_make(rest.data, end)) && is_url_text(str_skip(rest, end), others);
}

const char *value_base_url(struct str text)
{
    return is_url(text, "") ? NULL
                            : "an absolute http or https URL without user, query and fragment, "
                              "such as https://registry.example.com";
}

const char *value_page_url(struct str text)
{
    return is_url(text, "?#") ? NULL
                              : "an absolute http or https URL without user, such as "
                                "https://example.com/about";
}

const char *value_path(struct str text)
{
    static const char expected[] = "repository segments with slashes between them, such as "
                                   "mirror/images (letters, digits and . _ ~ : + -)";
    if (text.len > PATH_MAX_BYTES)
        return "at most 512 bytes";
    for (struct str rest = text; rest.len > 0;) {
        size_t end = str_find(rest, '/');
        struct str segment = str_make(rest.data, end);
        if (end == 0 || !ascii_consists_of(segment, "._~:+-") || str_eq(segment, STR(".")) ||
            str_eq(segment, STR("..")) || end + 1 == rest.len)
            return expected;
        rest = str_skip(rest, end < rest.len ? end + 1 : end);
    }
    return NULL;
}

const char *value_file(struct str text)
{
    uint32_t c;
    for (struct str rest = text; rest.len > 0;) {
        size_t n = value_utf8(rest, &c);
        if (n == 0)
            return "a path in UTF-8";
        rest = str_skip(rest, n);
    }
    return text.len < FILE_MAX_BYTES ? NULL : "a path of less than 4096 bytes";
}

const char *value_place(struct str text, struct str *cloud, struct str *region)
{
    static const char expected[] =
        "CLOUD/REGION, CLOUD or default, such as aws/eu-west-3 (names of "
        "letters, digits and . _ -, the first a letter or digit)";
    size_t slash = str_find(text, '/');
    struct str left = str_make(text.data, slash);
    struct str right = slash < text.len ? str_skip(text, slash + 1) : STR("");
    if (name_check(left) != NULL || (slash < text.len && name_check(right) != NULL))
        return expected;
    bool is_default = str_eq(left, STR("default"));
    if (is_default && slash < text.len)
        return "default alone: it has no regions";
    *cloud = is_default ? STR("") : left;
    *region = right;
    return NULL;
}

size_t value_utf8(struct str s, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)s.data;
    size_t n = c[0] < 0x80 ? 1 : c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (n > s.len || (c[0] >= 0x80 && c[0] < 0xc2) || c[0] > 0xf4)
        return 0;
    uint32_t value = n == 1 ? c[0] : c[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (c[i] & 0x3f);
    }
    if (value < smallest[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *out = value;
    return n;
}

struct str value_trim_end(struct str s)
{
    while (s.len > 0 && s.data[s.len - 1] == '/')
        s.len--;
    return s;
}

struct str value_trim(struct str s)
{
    s = value_trim_end(s);
    while (s.len > 0 && s.data[0] == '/')
        s = str_skip(s, 1);
    return s;
}
