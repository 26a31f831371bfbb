#include "mirror/pattern.h"

#include "base/glob.h"

static bool matches_one(const char *const *list, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (glob_matches(str_from(list[i]), name))
            return true;
    return false;
}

bool pattern_admits(const struct pattern_lists *lists, struct str name)
{
    bool included = lists->n_include == 0 || matches_one(lists->include, lists->n_include, name);
    return included && !matches_one(lists->exclude, lists->n_exclude, name);
}
