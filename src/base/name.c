#include "base/name.h"

#include "base/ascii.h"

const char *name_check(struct str name)
{
    static const char expected[] =
        "letters, digits, '.', '_' and '-', at most 64, the first a letter or digit";
    if (name.len == 0 || name.len > NAME_LENGTH_MAX || !ascii_is_alnum(name.data[0]))
        return expected;
    for (size_t i = 1; i < name.len; i++) {
        char c = name.data[i];
        if (!ascii_is_alnum(c) && c != '.' && c != '_' && c != '-')
            return expected;
    }
    return NULL;
}
