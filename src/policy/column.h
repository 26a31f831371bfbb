/*
 * What a request's value selects in a column of the routes ("policy/image.h").
 */
#ifndef POLICY_COLUMN_H
#define POLICY_COLUMN_H

#include "policy/image.h"

#include <archeio/snapshot.h>

/* The set of the routes that have nothing against the text: s->row_words words. The column is one
 * of s, and used. */
const uint64_t *column_row(const struct snapshot *s, const struct image_column *c, struct str text);

/* What struct image_literal says of its key; rest: the text behind what all literals share. */
uint64_t column_key(struct str rest);

/* Row i, which is one of s. */
static inline const uint64_t *column_row_at(const struct snapshot *s, uint32_t i)
{
    return s->rows + (size_t)i * s->row_words;
}

/* Is every row, literal and parent that the column names there, are its literals sorted, and do
 * they share what it says? Their texts are known to lie inside. */
bool column_is_sound(const struct snapshot *s, const struct image_column *c, uint32_t n_literals,
                     uint32_t n_rows);

/* The text of a literal, or any other of the image's. */
static inline struct str column_text(const struct snapshot *s, struct image_text t)
{
    const struct image_header *h = s->image;
    return str_make((const char *)h + h->part[IMAGE_TEXT].offset + t.offset, t.len);
}

#endif
