#include "policy/column.h"

uint64_t column_key(struct str rest)
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof(key); i++)
        key = key << 8 | (i < rest.len ? (unsigned char)rest.data[i] : 0);
    return key;
}

/* What all literals begin with; the column has one. */
static struct str shared_text(const struct snapshot *s, const struct image_column *c)
{
    return str_make(column_text(s, s->literals[c->first].text).data, c->shared);
}

/* How many literals are not behind the text. Only where keys are equal it is the texts that count.
 */
static uint32_t count_before(const struct snapshot *s, const struct image_column *c,
                             struct str text)
{
    const struct image_literal *literal = s->literals + c->first;
    const uint64_t key = column_key(str_skip(text, c->shared));
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct image_literal *l = &literal[middle];
        if (l->key < key || (l->key == key && str_compare(column_text(s, l->text), text) <= 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const uint64_t *column_row(const struct snapshot *s, const struct image_column *c, struct str text)
{
    const struct image_literal *literal = s->literals + c->first;
    /* No literal is empty; the value of a field that is not there has not even an address. */
    if (c->count == 0 || text.len == 0 || !str_starts(text, shared_text(s, c)))
        return column_row_at(s, c->others);
    uint32_t i = count_before(s, c, text);
    /* What the text begins with is the literal before it, or one that this begins with. */
    while (i > 0) {
        struct str known = column_text(s, literal[i - 1].text);
        if (str_starts(text, known))
            return column_row_at(s, known.len == text.len ? literal[i - 1].equal
                                                          : literal[i - 1].longer);
        i = literal[i - 1].parent;
    }
    return column_row_at(s, c->others);
}

/* Does the literal begin with what all share, and is its key what follows? */
static bool has_its_key(const struct snapshot *s, const struct image_column *c,
                        const struct image_literal *literal)
{
    struct str text = column_text(s, literal->text);
    return text.len >= c->shared && str_starts(text, shared_text(s, c)) &&
           literal->key == column_key(str_skip(text, c->shared));
}

bool column_is_sound(const struct snapshot *s, const struct image_column *c, uint32_t n_literals,
                     uint32_t n_rows)
{
    if (c->used == 0)
        return c->count == 0;
    if (c->first > n_literals || c->count > n_literals - c->first || c->others >= n_rows)
        return false;
    if (c->count > 0 && c->shared > s->literals[c->first].text.len)
        return false;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct image_literal *literal = &s->literals[c->first + i];
        if (literal->parent > i || literal->equal >= n_rows || literal->longer >= n_rows ||
            !has_its_key(s, c, literal) ||
            (i > 0 &&
             str_compare(column_text(s, literal[-1].text), column_text(s, literal->text)) >= 0))
            return false;
    }
    return true;
}
