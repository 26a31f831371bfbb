/*
 * The prefixes that routes name, each with the next shorter one that holds it: so that those that
 * hold a network are found without a look at all others.
 */
#ifndef POLICY_NESTING_H
#define POLICY_NESTING_H

#include "policy/policy.h"

struct nesting_entry {
    struct prefix prefix;
    uint32_t route; /* that names it */
    uint32_t outer; /* index + 1 of the next entry whose prefix holds this one's, which may be the
                     * same, of another route; 0: none does */
};

struct nesting {
    struct nesting_entry *entry; /* in the order of prefix_compare(), of the same by route */
    uint32_t n;
};

/* How many prefixes the routes name. */
size_t nesting_count(const struct policy *p);

/* Of memory for twice nesting_count() entries, which must live as long as *out. */
void nesting_make(struct nesting *out, const struct policy *p, struct nesting_entry *memory);

/* Index + 1 of the last entry whose prefix holds all of that one, which may be of no family: from
 * there `outer` leads through all others that do, and to no more. 0: none does. */
uint32_t nesting_find(const struct nesting *nesting, const struct prefix *inside);

#endif
