/*
 * Numbers of autonomous systems: "as64500", "AS64500" or "64500" (RFC 5396, asplain), 1 to
 * 4294967295. 0 is nobody's (RFC 7607).
 */
#ifndef CONFIG_ASNS_H
#define CONFIG_ASNS_H

#include "config/reader.h"

/* Is it meant as one: digits, with or without "as" before them? It may still be out of range. */
bool asns_is_number(struct str text);

/* Without the letters before it, if they are there. */
struct str asns_digits(struct str text);

/* Adds a scalar's to the list, whose `number` the caller frees; one that is there already is an
 * error. False: the error is in r->d. */
bool asns_add(struct reader *r, const struct document_node *node, const char *label,
              struct config_numbers *out);

#endif
