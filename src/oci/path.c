#include "oci/path.h"

static enum path_kind kind_of(struct str word, struct str last)
{
    if (str_eq(word, STR("manifests")))
        return PATH_MANIFEST;
    /* "blobs/uploads" and the like are not blobs. */
    if (str_eq(word, STR("blobs")) && str_find(last, ':') < last.len)
        return PATH_BLOB;
    if (str_eq(word, STR("tags")) && str_eq(last, STR("list")))
        return PATH_TAGS;
    if (str_eq(word, STR("referrers")))
        return PATH_REFERRERS;
    return PATH_OTHER;
}

struct path path_parse(struct str below)
{
    struct path out = {.kind = PATH_OTHER, .repository = STR(""), .reference = STR("")};
    size_t last_slash = str_find_last(below, '/');
    if (last_slash == below.len)
        return out;
    struct str front = str_make(below.data, last_slash);
    struct str last = str_skip(below, last_slash + 1);
    size_t word_slash = str_find_last(front, '/');
    if (word_slash == front.len)
        return out; /* no name in front of the endpoint */
    out.kind = kind_of(str_skip(front, word_slash + 1), last);
    if (out.kind == PATH_OTHER)
        return out;
    out.repository = str_make(front.data, word_slash);
    out.reference = last;
    return out;
}

bool path_is_signature_tag(struct str reference)
{
    const size_t hex = sizeof("sha256-") - 1, end = hex + 64;
    if (reference.len <= end || !str_starts(reference, STR("sha256-")))
        return false;
    for (size_t i = hex; i < end; i++) {
        char c = reference.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    struct str suffix = str_skip(reference, end);
    return str_eq(suffix, STR(".sig")) || str_eq(suffix, STR(".att")) ||
           str_eq(suffix, STR(".sbom"));
}
