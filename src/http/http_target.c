#include "http/http_target.h"

#include "base/scan.h"

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
