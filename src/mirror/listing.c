#include "mirror/listing.h"

#define DEPTH_MAX 32

/* What comes next. */
enum state {
    VALUE,
    FIRST, /* a value, or the array's end */
    KEY,
    FIRST_KEY, /* a key, or the object's end */
    COLON,
    AFTER, /* a value: a comma, or an end */
    TEXT,
    ESCAPE,
    DIGITS, /* of an escape */
    WORD,   /* a number, true, false or null */
    WHOLE,
};

void listing_begin(struct listing *l,
                   bool (*name)(void *owner, enum listing_member member, struct str name),
                   void *owner)
{
    *l = (struct listing){.name = name, .owner = owner, .state = VALUE, .member = LISTING_OTHER};
}

bool listing_is_whole(const struct listing *l)
{
    return l->state == WHOLE;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_hex(char c)
{
    return is_one_of(c, "0123456789abcdefABCDEF");
}

/* ── Containers ── */

static bool in_object(const struct listing *l)
{
    return (l->objects >> (l->depth - 1) & 1) != 0;
}

/* A member of the outermost object begins with c. */
static void note_member(struct listing *l, char c)
{
    bool fits = c == (l->member == LISTING_MANIFEST ? '{' : '[') || c == 'n';
    if (l->depth == 1 && fits)
        l->found |= 1U << l->member;
}

static bool open_container(struct listing *l, bool object)
{
    if (l->depth == DEPTH_MAX)
        return false;
    uint32_t bit = UINT32_C(1) << l->depth++;
    l->objects = object ? l->objects | bit : l->objects & ~bit;
    l->state = object ? FIRST_KEY : FIRST;
    return true;
}

static bool close_container(struct listing *l)
{
    l->state = --l->depth > 0 ? AFTER : WHOLE;
    return true;
}

/* ── Texts ── */

static bool begin_text(struct listing *l, bool is_key)
{
    l->is_key = is_key;
    l->unfit = false;
    l->len = 0;
    l->state = TEXT;
    return true;
}

static void put(struct listing *l, char c)
{
    l->unfit |= l->len == sizeof(l->text);
    if (!l->unfit)
        l->text[l->len++] = c;
}

static enum listing_member member_of(struct str name)
{
    static const char *const names[LISTING_OTHER] = {"repositories", "tags", "child", "manifest"};
    unsigned i = 0;
    while (i < LISTING_OTHER && !str_eq(name, str_from(names[i])))
        i++;
    return (enum listing_member)i;
}

static bool end_text(struct listing *l)
{
    struct str text = str_make(l->text, l->unfit ? 0 : l->len);
    l->state = l->is_key ? COLON : AFTER;
    if (l->depth == 1 && l->is_key)
        l->member = member_of(text);
    if (l->depth != 2 || l->member == LISTING_OTHER || l->unfit ||
        in_object(l) != (l->member == LISTING_MANIFEST) || l->is_key != in_object(l))
        return true;
    l->ended = !l->name(l->owner, l->member, text);
    return !l->ended;
}

static bool escape(struct listing *l, char c)
{
    l->state = c == 'u' ? DIGITS : TEXT;
    l->digits = 4;
    if (is_one_of(c, "\"\\/"))
        put(l, c);
    else
        l->unfit = true;
    return is_one_of(c, "\"\\/bfnrtu");
}

/* ── Bytes ── */

static bool begin_value(struct listing *l, char c)
{
    if (l->depth == 0 && c != '{')
        return false;
    note_member(l, c);
    switch (c) {
    case '"':
        return begin_text(l, false);
    case '{':
    case '[':
        return open_container(l, c == '{');
    default:
        l->state = WORD;
        return is_one_of(c, "-0123456789tfn");
    }
}

static bool after_value(struct listing *l, char c)
{
    if (c == ',')
        l->state = in_object(l) ? KEY : VALUE;
    else if (c == (in_object(l) ? '}' : ']'))
        return close_container(l);
    return c == ',';
}

/* Between texts. */
static bool take_mark(struct listing *l, char c)
{
    if (is_one_of(c, " \t\r\n"))
        return true;
    switch (l->state) {
    case FIRST:
        return c == ']' ? close_container(l) : begin_value(l, c);
    case VALUE:
        return begin_value(l, c);
    case FIRST_KEY:
        return c == '}' ? close_container(l) : c == '"' && begin_text(l, true);
    case KEY:
        return c == '"' && begin_text(l, true);
    case COLON:
        l->state = VALUE;
        return c == ':';
    case AFTER:
        return after_value(l, c);
    default:
        return false; /* behind the end */
    }
}

static bool take(struct listing *l, char c)
{
    switch (l->state) {
    case TEXT:
        if (c == '"')
            return end_text(l);
        if (c == '\\')
            l->state = ESCAPE;
        else
            put(l, c);
        return (unsigned char)c >= 0x20;
    case ESCAPE:
        return escape(l, c);
    case DIGITS:
        if (--l->digits == 0)
            l->state = TEXT;
        return is_hex(c);
    case WORD:
        if (is_one_of(c, "0123456789abcdefghijklmnopqrstuvwxyzE+-."))
            return true;
        l->state = AFTER;
        break;
    default:
        break;
    }
    return take_mark(l, c);
}

bool listing_feed(struct listing *l, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (!take(l, bytes.data[i]))
            return false;
    return true;
}
