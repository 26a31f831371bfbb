/*
 * Lists of prefixes, random ones among them, and the tables that are built from them.
 */
#ifndef TESTS_UNIT_IP_LISTS_H
#define TESTS_UNIT_IP_LISTS_H

#include <archeio/lpm.h>

#include "chance.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

struct list {
    struct lpm_entry *entry;
    size_t n;
    size_t room;
};

static inline struct addr random_address(enum addr_family family)
{
    struct addr a = {.family = (uint8_t)family};
    for (size_t i = 0; i < (family == ADDR_V4 ? 4U : 16U); i++)
        a.bytes[i] = (uint8_t)(chance_number() >> 24);
    return a;
}

static inline void add(struct list *l, struct prefix p, uint32_t value)
{
    if (l->n == l->room) {
        l->room = l->room * 2 + 64;
        l->entry = realloc(l->entry, l->room * sizeof(*l->entry));
        assert_non_null(l->entry);
    }
    l->entry[l->n++] = (struct lpm_entry){.prefix = p, .value = value};
}

static inline void add_text(struct list *l, const char *text, uint32_t value)
{
    struct prefix p;
    if (prefix_parse(str_from(text), &p) != PREFIX_OK)
        fail_msg("%s is no prefix", text);
    add(l, p, value);
}

/* Builds into memory of exactly the table's size, so that a read past its end is seen. */
static inline void *build(const struct lpm_entry *entries, size_t n, size_t *size)
{
    size_t bound = lpm_image_bound(entries, n), scratch_size = lpm_scratch_size(n);
    void *image = malloc(bound), *scratch = malloc(scratch_size + (scratch_size == 0));
    assert_non_null(image);
    assert_non_null(scratch);
    *size = lpm_build(entries, n, scratch, scratch_size, image);
    assert_in_range(*size, 1, bound);
    void *exact = malloc(*size);
    assert_non_null(exact);
    memcpy(exact, image, *size);
    free(scratch);
    free(image);
    return exact;
}

/* The next address (+1) or the one before (-1), around the ends. */
static inline struct addr neighbour(struct addr a, int step)
{
    for (int i = a.family == ADDR_V4 ? 4 : 16; i-- > 0;) {
        a.bytes[i] = (uint8_t)(a.bytes[i] + step);
        if (a.bytes[i] != (step > 0 ? 0 : 0xff))
            break;
    }
    return a;
}

#endif
