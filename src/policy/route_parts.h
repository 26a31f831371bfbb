/*
 * The parts of a snapshot image that routes bring.
 */
#ifndef POLICY_ROUTE_PARTS_H
#define POLICY_ROUTE_PARTS_H

#include "policy/layout.h"
#include "policy/selector.h"

/* Their texts, which route_parts_write() refers to. */
void route_parts_text(struct layout *l, const struct selector *r);

/* The parts from IMAGE_UPSTREAMS to IMAGE_ROWS, and what the header says of them. *t: where their
 * texts begin; then where they end. */
void route_parts_write(struct layout *l, struct image_header *h, const struct selector *r,
                       uint32_t *t);

#endif
