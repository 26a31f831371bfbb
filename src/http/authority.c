#include "http/authority.h"

#include <archeio/addr.h>
#include <stdint.h>

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(unsigned char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* unreserved and sub-delims of RFC 3986 section 2: one bit for each byte below 128. */
static bool is_name_byte(unsigned char c)
{
    static const uint64_t set[2] = {
        0x2bff7fd200000000, /* ! $ & ' ( ) * + , - . 0-9 ; = */
        0x47fffffe87fffffe, /* A-Z _ a-z ~ */
    };
    return c < 128 && (set[c / 64] >> (c % 64) & 1);
}

/* The length of the reg-name that text begins with; it may be 0. */
static size_t reg_name_length(struct str text)
{
    size_t i = 0;
    while (i < text.len) {
        if (is_name_byte((unsigned char)text.data[i]))
            i++;
        else if (text.data[i] == '%' && text.len - i > 2 &&
                 is_hex((unsigned char)text.data[i + 1]) && is_hex((unsigned char)text.data[i + 2]))
            i += 3;
        else
            break;
    }
    return i;
}

/* The length of the IPv6 literal, brackets included, that text begins with; 0 if it is none. What
 * RFC 3986 keeps for later versions of IP ("[v7.…]") does not exist. */
static size_t literal_length(struct str text)
{
    size_t close = str_find(text, ']');
    if (close == text.len)
        return 0;

    struct addr address;
    struct str inside = str_make(text.data + 1, close - 1);
    bool is_v6 = str_find(inside, ':') < inside.len && addr_parse(inside, &address);
    return is_v6 ? close + 1 : 0;
}

static bool port_valid(struct str port)
{
    uint64_t number = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (!is_digit((unsigned char)port.data[i]))
            return false;
        number = number * 10 + (uint64_t)(port.data[i] - '0');
        if (number > UINT16_MAX)
            return false;
    }
    return true;
}

bool authority_valid(struct str text)
{
    if (text.len == 0)
        return false;

    size_t host = text.data[0] == '[' ? literal_length(text) : reg_name_length(text);
    if (host == 0)
        return false;
    if (host == text.len)
        return true;
    return text.data[host] == ':' && port_valid(str_skip(text, host + 1));
}
