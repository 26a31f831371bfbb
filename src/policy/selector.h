/*
 * Routes, worked out for the image: which rows there are, and what selects them ("policy/image.h").
 */
#ifndef POLICY_SELECTOR_H
#define POLICY_SELECTOR_H

#include "policy/image.h"
#include "policy/nesting.h"

struct selector_literal {
    struct str text;
    uint32_t parent; /* as in struct image_literal, as are the next three */
    uint32_t equal;
    uint32_t longer;
    uint64_t key;
};

struct selector_item; /* private */

struct selector_field {
    struct str name;
    struct image_column column;
};

/* Its arrays are of the scratch memory. */
struct selector {
    const struct policy *policy;
    uint32_t words; /* of a row */
    uint64_t *row;
    uint32_t n_rows;
    uint32_t *slot; /* hash table of rows: index + 1, 0 is free */
    size_t n_slots;
    struct selector_literal *literal;
    uint32_t n_literals;
    struct selector_item *item; /* two halves, for sorting */
    size_t max_items;
    uint32_t *network_row; /* the unknown network's first */
    uint64_t *everywhere;  /* a row: the routes without prefixes */
    uint64_t *around;      /* a row: those, and the routes of which a prefix holds this one */
    struct prefix inside;
    struct nesting nesting;
    struct nesting_entry *nested; /* its memory */
    uint32_t method_row[IMAGE_METHODS];
    uint32_t kind_row[IMAGE_KINDS];
    struct image_column host;
    struct image_column path;
    struct image_column repository;
    struct selector_field field[SNAPSHOT_HEADERS_MAX];
    uint32_t n_fields;
};

/* Bytes of scratch memory, 8-byte aligned; SIZE_MAX: too much. */
size_t selector_scratch_size(const struct policy *p);

/* NULL, or what does not fit a limit of snapshot.h (static). */
const char *selector_check(const struct policy *p);

/* Works the routes out. selector_check() has passed; scratch is as selector_scratch_size() says,
 * and outlives *r. */
void selector_make(struct selector *r, const struct policy *p, void *scratch);

/* How many bytes of a text that matches the pattern a URL takes the place of: UINT32_MAX, all. */
uint32_t selector_replaced(const struct policy_route *route, struct str pattern);

/* What the share of a route of that name depends on, so that two shares are of different clients.
 */
uint64_t selector_seed(struct str name);

#endif
