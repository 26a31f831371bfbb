/*
 * What a reader of autonomous systems says, as text: "PREFIX ASN[ NAME]" a line.
 */
#ifndef TESTS_RANGES_TOLD_H
#define TESTS_RANGES_TOLD_H

#include "ranges/asn.h"
#include <stdio.h>

struct told {
    char text[1U << 16];
    size_t len;
    size_t n;
    size_t room; /* lines that are taken; 0: as many as there are */
};

static inline bool told_take(void *context, const struct asn_word *word)
{
    struct told *t = context;
    char prefix[PREFIX_TEXT_MAX];
    if (t->room > 0 && t->n == t->room)
        return false;
    t->n++;
    prefix_format(&word->prefix, prefix);
    if (t->len < sizeof(t->text) - 256)
        t->len += (size_t)snprintf(t->text + t->len, 256, "%s %u%s%.*s\n", prefix, word->asn,
                                   word->name.len > 0 ? " " : "", (int)word->name.len,
                                   word->name.len > 0 ? word->name.data : "");
    return true;
}

/* A sink that writes to t, which it empties. named: NULL: all are wanted. */
static inline struct asn_sink told_sink(struct told *t, const struct asn_named *named)
{
    t->len = t->n = t->room = 0;
    t->text[0] = '\0';
    return (struct asn_sink){.take = told_take, .context = t, .named = named, .names = true};
}

#endif
