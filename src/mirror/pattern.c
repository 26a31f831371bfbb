#include "mirror/pattern.h"

static bool star(struct str pattern, struct str name)
{
    bool any = str_starts(pattern, STR("**"));
    struct str rest = str_skip(pattern, any ? 2 : 1);
    for (;;) {
        if (pattern_matches(rest, name))
            return true;
        if (name.len == 0 || (!any && name.data[0] == '/'))
            return false;
        name = str_skip(name, 1);
    }
}

bool pattern_matches(struct str pattern, struct str name)
{
    while (pattern.len > 0) {
        if (pattern.data[0] == '*')
            return star(pattern, name);
        if (name.len == 0)
            return false;
        bool same = pattern.data[0] == name.data[0];
        if (!same && (pattern.data[0] != '?' || name.data[0] == '/'))
            return false;
        pattern = str_skip(pattern, 1);
        name = str_skip(name, 1);
    }
    return name.len == 0;
}

static bool matches_one(const char *const *list, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (pattern_matches(str_from(list[i]), name))
            return true;
    return false;
}

bool pattern_admits(const struct pattern_lists *lists, struct str name)
{
    bool included = lists->n_include == 0 || matches_one(lists->include, lists->n_include, name);
    return included && !matches_one(lists->exclude, lists->n_exclude, name);
}
