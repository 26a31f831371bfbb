#include "ip/endpoint.h"

#include "base/num.h"

static bool parse_host(struct str host, struct addr *out)
{
    bool has_colon = str_find(host, ':') < host.len;
    if (host.len == 0) {
        *out = (struct addr){.family = ADDR_V6};
        return true;
    }
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        return has_colon && addr_parse(str_make(host.data + 1, host.len - 2), out);
    return !has_colon && addr_parse(host, out);
}

bool endpoint_parse(struct str text, struct endpoint *out)
{
    size_t colon = str_find_last(text, ':');
    struct addr addr;
    uint64_t port;
    if (colon == text.len || !num_parse(str_skip(text, colon + 1), UINT16_MAX, &port) ||
        !parse_host(str_make(text.data, colon), &addr))
        return false;
    *out = (struct endpoint){addr, (uint16_t)port};
    return true;
}

void endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX])
{
    bool brackets = e->addr.family == ADDR_V6;
    char number[NUM_TEXT_MAX], *at = out;
    if (brackets)
        *at++ = '[';
    at += addr_format(&e->addr, at);
    if (brackets)
        *at++ = ']';
    *at++ = ':';
    size_t digits = num_format(e->port, number);
    memcpy(at, number, digits);
    at[digits] = '\0';
}
