#include "ranges/mmdb_guard.h"

#define MARKER "\xab\xcd\xefMaxMind.com"
#define METADATA_MAX 131072 /* bytes at the file's end among which the marker stands */
#define MEMBERS_MAX 256     /* of the metadata, and of a list in it: those in use have about 10 */
#define VALUES_MAX 512      /* of one record: those in use have about 20 */

enum type { EXTENDED = 0, POINTER = 1, STRING = 2, MAP = 7, ARRAY = 11, BOOLEAN = 14 };

/* A value's type, and how many bytes it has behind its head; of a map and an array, how many
 * members, and of a boolean, which one. */
struct value {
    unsigned type;
    uint32_t size;
};

/* A number of n bytes; false if the data ends before. */
static bool take(struct str *data, unsigned n, uint32_t *out)
{
    if (data->len < n)
        return false;
    *out = 0;
    for (unsigned i = 0; i < n; i++)
        *out = *out << 8 | (unsigned char)data->data[i];
    *data = str_skip(*data, n);
    return true;
}

/* Sizes from 29 on follow in one, two or three bytes. */
static bool take_size(struct str *data, uint32_t *size)
{
    static const uint32_t least[] = {29, 285, 65821};
    uint32_t more;
    if (*size < 29)
        return true;
    const unsigned bytes = *size - 28;
    if (!take(data, bytes, &more))
        return false;
    *size = least[bytes - 1] + more;
    return true;
}

/* A pointer's size is that of its number, less the three bits that stand in its head. */
static bool take_head(struct str *data, struct value *v)
{
    uint32_t head, extended;
    if (!take(data, 1, &head))
        return false;
    *v = (struct value){head >> 5, head & 31};
    if (v->type == POINTER) {
        v->size = (head >> 3 & 3) + 1;
        return true;
    }
    if (v->type == EXTENDED) {
        if (!take(data, 1, &extended))
            return false;
        v->type = extended + 7;
    }
    return take_size(data, &v->size);
}

/* Where a pointer leads, counted from the section's beginning. Its head stands before it. */
static uint32_t target_of(struct str pointer, uint32_t size)
{
    static const uint32_t least[] = {0, 2048, 526336, 0};
    const unsigned char head = (unsigned char)pointer.data[-1];
    uint32_t number = size < 4 ? head & 7 : 0, rest;
    take(&pointer, size, &rest);
    if (size < 4)
        number <<= 8 * size;
    return number + rest + least[size - 1];
}

static bool is_plain(const struct value *v)
{
    return v->type != MAP && v->type != ARRAY && v->type != POINTER;
}

static bool take_plain(struct str *data, struct value *v)
{
    if (!take_head(data, v) || !is_plain(v) || (v->type != BOOLEAN && v->size > data->len))
        return false;
    *data = str_skip(*data, v->type != BOOLEAN ? v->size : 0);
    return true;
}

/* ── Metadata ── */

/* A plain value, or a pointer to one. */
static bool take_member(struct str section, struct str *at, struct value *v)
{
    struct str ahead = *at;
    if (!take_head(&ahead, v))
        return false;
    if (v->type != POINTER)
        return take_plain(at, v);
    if (v->size > ahead.len)
        return false;
    const uint32_t target = target_of(ahead, v->size);
    *at = str_skip(ahead, v->size);
    struct str there = str_skip(section, target < section.len ? target : section.len);
    return take_plain(&there, v);
}

static bool take_texts(struct str section, struct str *at, uint64_t n)
{
    for (struct value v; n > 0; n--)
        if (!take_member(section, at, &v) || v.type != STRING)
            return false;
    return true;
}

/* The library reads lists and maps of texts whole, with all that pointers in them lead to. */
static bool take_setting(struct str section, struct str *at)
{
    struct str ahead = *at;
    struct value v;
    if (!take_texts(section, &ahead, 1))
        return false;
    *at = ahead;
    if (!take_head(&ahead, &v))
        return false;
    if (v.type != MAP && v.type != ARRAY)
        return take_member(section, at, &v);
    *at = ahead;
    return v.size <= MEMBERS_MAX && take_texts(section, at, v.type == MAP ? 2 * v.size : v.size);
}

const char *mmdb_guard_metadata(struct str file)
{
    const struct str marker = STR(MARKER);
    struct value v;
    size_t at = file.len;
    while (!str_starts(str_skip(file, at), marker))
        if (at == 0 || file.len - --at > METADATA_MAX)
            return "is no database of MaxMind's format: the marker at its end is missing";
    const struct str section = str_skip(file, at + marker.len);
    struct str rest = section;
    bool good = take_head(&rest, &v) && v.type == MAP && v.size <= MEMBERS_MAX;
    for (uint32_t i = 0; good && i < v.size; i++)
        good = take_setting(section, &rest);
    return good ? NULL : "its metadata is cut off, or damaged";
}

/* ── Records ── */

const char *mmdb_guard_record(struct str data, size_t at, uint64_t *left)
{
    struct str rest = str_skip(data, at < data.len ? at : data.len);
    unsigned seen = 0;
    for (uint64_t due = 1; due > 0; due--) {
        struct value v;
        if (seen++ == VALUES_MAX || *left == 0)
            return "its records are larger than those of any that is known";
        --*left;
        if (!take_head(&rest, &v))
            return "a record is cut off, or damaged";
        if (v.type == MAP || v.type == ARRAY) {
            due += (uint64_t)v.size * (v.type == MAP ? 2 : 1);
            continue;
        }
        const uint32_t size = v.type == BOOLEAN ? 0 : v.size;
        if (size > rest.len)
            return "a record is cut off, or damaged";
        rest = str_skip(rest, size);
    }
    return NULL;
}
