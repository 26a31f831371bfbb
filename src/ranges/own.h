/*
 * The operator's own ranges: "PREFIX CLOUD [REGION]" a line, separated by blanks, '#' begins a
 * comment. A bare address is a prefix of full length.
 */
#ifndef RANGES_OWN_H
#define RANGES_OWN_H

#include "ranges/set.h"

/* Reads text into s, between set_begin() and set_finish(); file stands in messages. False: refused;
 * every line that is wrong is in d. */
bool own_read(struct set *s, const char *file, struct str text, struct diag *d);

#endif
