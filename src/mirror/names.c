#include "mirror/names.h"

#include "http/authority.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool names_host_valid(struct str host)
{
    for (size_t i = 0; i < host.len; i++)
        if (!is_alnum(host.data[i]) && !is_one_of(host.data[i], ".-:[]"))
            return false;
    return authority_valid(host);
}

static bool segment_valid(struct str s)
{
    if (s.len == 0 || !is_alnum(s.data[0]) || !is_alnum(s.data[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.data[i]) && !is_one_of(s.data[i], "._-"))
            return false;
    return true;
}

bool names_repository_valid(struct str name)
{
    if (name.len == 0 || name.len > NAMES_REPOSITORY_MAX)
        return false;
    for (;;) {
        size_t slash = str_find(name, '/');
        if (!segment_valid(str_make(name.data, slash)))
            return false;
        if (slash == name.len)
            return true;
        name = str_skip(name, slash + 1);
    }
}

bool names_tag_valid(struct str tag)
{
    if (tag.len == 0 || tag.len > NAMES_TAG_MAX || (!is_alnum(tag.data[0]) && tag.data[0] != '_'))
        return false;
    for (size_t i = 0; i < tag.len; i++)
        if (!is_alnum(tag.data[i]) && !is_one_of(tag.data[i], "._-"))
            return false;
    return true;
}
