#include "ranges/locate.h"

#include "base/buf.h"

static size_t skip_blanks(struct str json, size_t at)
{
    while (at < json.len && strchr(" \t\r\n", json.data[at]) != NULL && json.data[at] != '\0')
        at++;
    return at;
}

/* at: a quote. Returns what is behind the closing one. */
static size_t skip_string(struct str json, size_t at)
{
    for (at++; at < json.len && json.data[at] != '"'; at++)
        if (json.data[at] == '\\')
            at++;
    return at < json.len ? at + 1 : json.len;
}

/* What is behind the value that begins at `at`. */
static size_t skip_value(struct str json, size_t at)
{
    size_t depth = 0;
    while (at < json.len) {
        char c = json.data[at];
        if (c == '"') {
            at = skip_string(json, at);
        } else if (c == '[' || c == '{') {
            depth++;
            at++;
        } else if (depth == 0 && strchr(",]}", c) != NULL) {
            break; /* the end of a number or a word */
        } else {
            depth -= c == ']' || c == '}';
            at++;
            if (depth > 0 || strchr("]}", c) == NULL)
                continue;
        }
        if (depth == 0)
            break;
    }
    return at;
}

/* Takes one step from the object or array at *at; false (and *at unchanged) where there is none. */
static bool enter(struct str json, const struct locate_step *step, size_t *at)
{
    size_t i = *at;
    if (i >= json.len || json.data[i] != (step->member != NULL ? '{' : '['))
        return false;
    for (size_t n = 0;; n++) {
        i = skip_blanks(json, i + 1); /* behind the bracket or the comma */
        bool found = n == step->index;
        if (step->member != NULL) {
            size_t end = skip_string(json, i);
            found = end >= i + 2 &&
                    str_eq(str_make(json.data + i + 1, end - i - 2), str_from(step->member));
            i = skip_blanks(json, end);
            i = skip_blanks(json, i < json.len ? i + 1 : i); /* the colon */
        }
        if (i >= json.len)
            return false;
        if (found) {
            *at = i;
            return true;
        }
        i = skip_blanks(json, skip_value(json, i));
        if (i >= json.len || json.data[i] != ',')
            return false;
    }
}

struct locate_position locate_value(struct str json, const struct locate_path *path)
{
    struct locate_position p = {1, 1};
    size_t at = skip_blanks(json, 0);
    for (size_t i = 0; i < path->n; i++)
        if (!enter(json, &path->step[i], &at))
            break;
    for (size_t i = 0; i < at; i++) {
        p.column++;
        if (json.data[i] == '\n')
            p = (struct locate_position){p.line + 1, 1};
    }
    return p;
}

const char *locate_name(const struct locate_path *path, char *out, size_t size)
{
    struct buf b = buf_make(out, size - 1);
    for (size_t i = 0; i < path->n; i++) {
        const struct locate_step *step = &path->step[i];
        if (step->member == NULL) {
            buf_char(&b, '[');
            buf_u64(&b, step->index);
            buf_char(&b, ']');
            continue;
        }
        if (i > 0)
            buf_char(&b, '.');
        buf_text(&b, step->member);
    }
    out[b.len] = '\0';
    return out;
}
