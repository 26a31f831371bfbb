/*
 * Which requests of a client two snapshots answer differently: where from, and where to.
 */
#ifndef CLI_DIFF_MOVES_H
#define CLI_DIFF_MOVES_H

#include "cli/specimens.h"
#include <stdio.h>

#define DIFF_MOVES_NONE 0U /* nothing moves */

struct diff_moves;

/* The snapshots outlive it. diff_moves_free() it. */
struct diff_moves *diff_moves_new(const struct snapshot *before, const struct snapshot *after);
void diff_moves_free(struct diff_moves *m);

/* What moves for a client: the same number for all for whom the same does. */
uint32_t diff_moves_of(struct diff_moves *m, const struct addr *client);

/* A move is from one place to one other, of the same requests. How many there are in all, and
 * whether it is one of those for the clients of that number. */
size_t diff_moves_count(const struct diff_moves *m);
bool diff_moves_have(const struct diff_moves *m, uint32_t number, size_t move);

/* Where from, where to, and which requests. */
void diff_moves_print(const struct diff_moves *m, size_t i, FILE *to);

#endif
