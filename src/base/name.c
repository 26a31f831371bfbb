#include "base/name.h"

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *name_check(struct str name)
{
    static const char expected[] =
        "letters, digits, '.', '_' and '-', at most 64, the first a letter or digit";
    if (name.len == 0 || name.len > NAME_LENGTH_MAX || !is_alphanumeric(name.data[0]))
        return expected;
    for (size_t i = 1; i < name.len; i++) {
        char c = name.data[i];
        if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-')
            return expected;
    }
    return NULL;
}
