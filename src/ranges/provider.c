#include "ranges/provider.h"

#include "base/name.h"
#include "base/num.h"
#include "ranges/arena.h"
#include "ranges/locate.h"
#include "sys/xalloc.h"
#include <jansson.h>

/* A file while it is read. */
struct reader {
    struct set *set;
    const char *file;
    struct str json;
    struct diag *diag;
    struct str cloud;
    struct locate_path path; /* to the value that is being looked at */
};

enum { NAME_MAX_SHOWN = 128 };

static void enter_member(struct reader *r, const char *member)
{
    r->path.step[r->path.n++] = (struct locate_step){member, 0};
}

static void enter_element(struct reader *r, size_t index)
{
    r->path.step[r->path.n++] = (struct locate_step){NULL, index};
}

static void leave(struct reader *r)
{
    r->path.n--;
}

/* Says what is wrong with the value at the end of the path. Always false. */
static bool refuse(struct reader *r, const char *what)
{
    char name[NAME_MAX_SHOWN];
    struct locate_position at = locate_value(r->json, &r->path);
    diag_error(r->diag, (struct diag_at){r->file, at.line, at.column}, "%s%s%s",
               locate_name(&r->path, name, sizeof(name)), r->path.n > 0 ? ": " : "", what);
    return false;
}

/* A member that must be there and of that type; NULL (said why) if it is not. */
static const json_t *need(struct reader *r, const json_t *object, const char *member,
                          json_type type)
{
    const json_t *value = json_object_get(object, member);
    if (value != NULL && json_typeof(value) == type)
        return value;
    enter_member(r, member);
    if (value == NULL)
        refuse(r, "missing");
    else if (type == JSON_STRING)
        refuse(r, "is no string");
    else if (type == JSON_ARRAY)
        refuse(r, "is no array");
    else
        refuse(r, "is no object");
    leave(r);
    return NULL;
}

static struct str text_of(const json_t *string)
{
    return str_make(json_string_value(string), json_string_length(string));
}

/* The prefix that the path leads to. */
static bool add_prefix(struct reader *r, const json_t *value, struct str region)
{
    struct prefix prefix;
    if (!json_is_string(value))
        return refuse(r, "is no string");
    struct str text = text_of(value);
    enum prefix_result result = PREFIX_MALFORMED;
    if (str_find(text, '/') < text.len)
        result = prefix_parse(text, &prefix);
    if (result == PREFIX_MALFORMED)
        return refuse(r, "is no prefix; expected one like \"192.0.2.0/24\" or \"2001:db8::/32\"");
    if (result == PREFIX_HOST_BITS)
        set_file(r->set)->host_bits++;
    const char *why = set_add(r->set, &prefix, r->cloud, region);
    return why == NULL || refuse(r, why);
}

/* The member that names a region; the word that stands for "none of them" becomes empty. */
static bool read_region(struct reader *r, const json_t *object, const char *member,
                        const char *none, struct str *region)
{
    const json_t *value = need(r, object, member, JSON_STRING);
    if (value == NULL)
        return false;
    *region = text_of(value);
    if (str_eq(*region, str_from(none))) {
        region->len = 0;
        return true;
    }
    const char *expected = name_check(*region);
    if (expected == NULL)
        return true;
    char why[NAME_MAX_SHOWN];
    snprintf(why, sizeof(why), "is no region; expected %s", expected);
    enter_member(r, member);
    return refuse(r, why);
}

static bool read_aws_list(struct reader *r, const json_t *root, const char *list,
                          const char *member)
{
    const json_t *array = need(r, root, list, JSON_ARRAY);
    if (array == NULL)
        return false;
    enter_member(r, list);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i), *prefix;
        struct str region;
        enter_element(r, i);
        if (!json_is_object(object))
            return refuse(r, "is no object");
        if (!read_region(r, object, "region", "GLOBAL", &region) ||
            (prefix = need(r, object, member, JSON_STRING)) == NULL)
            return false;
        enter_member(r, member);
        if (!add_prefix(r, prefix, region))
            return false;
        leave(r);
        leave(r);
    }
    leave(r);
    return true;
}

static bool read_aws(struct reader *r, const json_t *root)
{
    return read_aws_list(r, root, "prefixes", "ip_prefix") &&
           read_aws_list(r, root, "ipv6_prefixes", "ipv6_prefix");
}

static bool read_gcp(struct reader *r, const json_t *root)
{
    const json_t *array = need(r, root, "prefixes", JSON_ARRAY);
    if (array == NULL)
        return false;
    enter_member(r, "prefixes");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        struct str region;
        enter_element(r, i);
        if (!json_is_object(object))
            return refuse(r, "is no object");
        const json_t *v4 = json_object_get(object, "ipv4Prefix");
        const json_t *v6 = json_object_get(object, "ipv6Prefix");
        if ((v4 == NULL) == (v6 == NULL))
            return refuse(r, "expected either ipv4Prefix or ipv6Prefix");
        if (!read_region(r, object, "scope", "global", &region))
            return false;
        enter_member(r, v4 != NULL ? "ipv4Prefix" : "ipv6Prefix");
        if (!add_prefix(r, v4 != NULL ? v4 : v6, region))
            return false;
        leave(r);
        leave(r);
    }
    leave(r);
    return true;
}

/* The path leads to a tag's properties. */
static bool read_azure_properties(struct reader *r, const json_t *properties)
{
    struct str region;
    const json_t *array = need(r, properties, "addressPrefixes", JSON_ARRAY);
    if (array == NULL || !read_region(r, properties, "region", "", &region))
        return false;
    if (region.len == 0)
        return true;
    enter_member(r, "addressPrefixes");
    for (size_t i = 0; i < json_array_size(array); i++) {
        enter_element(r, i);
        if (!add_prefix(r, json_array_get(array, i), region))
            return false;
        leave(r);
    }
    leave(r);
    return true;
}

static bool read_azure(struct reader *r, const json_t *root)
{
    const json_t *array = need(r, root, "values", JSON_ARRAY);
    if (array == NULL)
        return false;
    enter_member(r, "values");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *tag = json_array_get(array, i), *name, *properties;
        enter_element(r, i);
        if (!json_is_object(tag))
            return refuse(r, "is no object");
        if ((name = need(r, tag, "name", JSON_STRING)) == NULL)
            return false;
        if (str_starts(text_of(name), STR("AzureCloud."))) {
            if ((properties = need(r, tag, "properties", JSON_OBJECT)) == NULL)
                return false;
            enter_member(r, "properties");
            if (!read_azure_properties(r, properties))
                return false;
            leave(r);
        }
        leave(r);
    }
    leave(r);
    return true;
}

/* When it was published, as syncToken says in units of 1 / per_second; 0 if it does not. */
static int64_t published(const json_t *root, uint64_t per_second)
{
    uint64_t token;
    const json_t *value = json_object_get(root, "syncToken");
    if (!json_is_string(value) || !num_parse(text_of(value), INT64_MAX, &token))
        return 0;
    return (int64_t)(token / per_second);
}

struct kind {
    const char *cloud;
    bool (*read)(struct reader *r, const json_t *root);
    uint64_t per_second; /* of syncToken; 0: it has none */
};

enum { AWS, GCP, AZURE, KINDS };

static const struct kind kinds[KINDS] = {
    [AWS] = {"aws", read_aws, 1},
    [GCP] = {"gcp", read_gcp, 1000},
    [AZURE] = {"azure", read_azure, 0},
};

/* Told by what no other of them has. */
static const struct kind *kind_of(const json_t *root)
{
    const json_t *first = json_array_get(json_object_get(root, "prefixes"), 0);
    if (json_object_get(root, "values") != NULL)
        return &kinds[AZURE];
    if (json_object_get(root, "ipv6_prefixes") != NULL || json_object_get(first, "ip_prefix"))
        return &kinds[AWS];
    if (json_object_get(first, "ipv4Prefix") != NULL || json_object_get(first, "ipv6Prefix"))
        return &kinds[GCP];
    return NULL;
}

static bool read_root(struct reader *r, const char *name, const json_t *root)
{
    const struct kind *kind = kind_of(root);
    if (kind == NULL)
        return refuse(r, "holds no ranges in the format of AWS (ip-ranges.json), GCP (cloud.json) "
                         "or Azure (Service Tags)");
    for (size_t i = 0; i < KINDS; i++) {
        if (kind != &kinds[i] && str_starts(str_from(name), str_from(kinds[i].cloud))) {
            diag_error(r->diag, (struct diag_at){r->file, 0, 0},
                       "holds the ranges of %s, but its name says %s", kind->cloud, kinds[i].cloud);
            return false;
        }
    }
    struct ranges_file *file = set_file(r->set);
    r->cloud = str_from(kind->cloud);
    file->cloud = xalloc_copy(r->cloud.data, r->cloud.len);
    if (kind->per_second > 0)
        file->modified = published(root, kind->per_second);
    return kind->read(r, root);
}

bool provider_read(struct set *s, const char *file, const char *name, struct str json,
                   struct diag *d)
{
    struct reader r = {.set = s, .file = file, .json = json, .diag = d};
    json_error_t error;
    arena_begin(json.len);
    json_t *root = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        unsigned line = error.line > 0 ? (unsigned)error.line : 0;
        unsigned column = error.column > 0 ? (unsigned)error.column : 0;
        diag_error(d, (struct diag_at){file, line, column}, "is no JSON: %s", error.text);
    }
    bool good = root != NULL && read_root(&r, name, root);
    json_decref(root);
    arena_end();
    return good;
}
