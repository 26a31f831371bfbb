#include "http/http_target.h"

#include "base/scan.h"
#include "http/authority.h"

bool http_target_valid(struct str target)
{
    bool in_query = false;
    size_t i = 0;
    for (;;) {
        i = scan_target(target.data, i, target.len);
        if (i == target.len)
            return true;
        /* Of these eight, or of the last few, one may be bad. */
        size_t end = target.len - i < 8 ? target.len : i + 8;
        for (; i < end; i++) {
            unsigned char c = (unsigned char)target.data[i];
            if (c <= ' ' || c >= 0x7f || c == '#')
                return false;
            /* Some programs take it for '/'. In a query it separates nothing. */
            if (c == '\\' && !in_query && memchr(target.data, '?', i) == NULL)
                return false;
            in_query = in_query || c == '\\';
        }
    }
}

bool http_target_authority(struct str target, struct str *authority)
{
    static const struct str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};
    for (size_t i = 0; i < 2; i++) {
        size_t n = schemes[i].len;
        if (target.len < n || !str_eq_nocase(str_make(target.data, n), schemes[i]))
            continue;
        *authority = str_skip(target, n);
        size_t slash = str_find(*authority, '/');
        size_t query = str_find(*authority, '?');
        authority->len = slash < query ? slash : query;
        return true;
    }
    return false;
}

bool http_target_form_valid(struct str method, struct str target)
{
    if (target.data[0] == '/')
        return true;
    if (target.data[0] == '*')
        return target.len == 1 && str_eq(method, STR("OPTIONS"));

    struct str authority;
    if (http_target_authority(target, &authority))
        return authority_valid(authority);
    return str_eq(method, STR("CONNECT")) && authority_valid(target);
}
