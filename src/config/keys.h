/*
 * The members of a mapping inside a list, such as a store or a listener: which keys there are is a
 * small table, from which the messages and the manual are made, too.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/reader.h"

#define KEYS_MAX 16

struct keys_key {
    const char *name;
    const char *help; /* reads well behind a comment sign */
    bool required;
};

struct keys {
    const char *label; /* begins messages: "stores" */
    const char *thing; /* what a mapping is: "store" */
    const struct keys_key *key;
    size_t n; /* at most KEYS_MAX */
};

/* Finds each key's node in a mapping, in the table's order; NULL: not given. False if node is no
 * mapping, or a key is unknown, given twice or missing: errors are in r->d, and what was found is
 * still in given. */
bool keys_collect(struct reader *r, const struct keys *keys, const struct document_node *node,
                  const struct document_node *given[KEYS_MAX]);

#endif
