#include <archeio/str.h>

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower((unsigned char)a.data[i]) != lower((unsigned char)b.data[i]))
            return false;
    return true;
}

size_t str_find(struct str s, char c)
{
    const char *at = s.len > 0 ? memchr(s.data, c, s.len) : NULL;
    return at != NULL ? (size_t)(at - s.data) : s.len;
}

size_t str_find_last(struct str s, char c)
{
    const char *at = s.len > 0 ? memrchr(s.data, c, s.len) : NULL;
    return at != NULL ? (size_t)(at - s.data) : s.len;
}
