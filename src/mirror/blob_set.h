/*
 * The digests of what a store holds, as they are listed, and the set that its index publishes
 * ("oci/blob_index.h"), made from them as often as it has to be read. Memory is bounded, whatever
 * the number of digests: see "mirror/sorter.h".
 */
#ifndef MIRROR_BLOB_SET_H
#define MIRROR_BLOB_SET_H

#include "oci/blob_index.h"

struct blob_set;

struct blob_set *blob_set_new(void); /* NULL: no memory */
void blob_set_free(struct blob_set *b);

/* Any thread; in any order, the same several times or not. What goes wrong is said later. */
void blob_set_add(struct blob_set *b, const struct digest *d);

/* ── One thread, and nothing is added any more. 0, or an errno ── */

/* Counts, and the set's hash. */
int blob_set_close(struct blob_set *b, uint64_t count[BLOB_INDEX_KINDS], struct digest *object);

/* To the set's first byte; then its next at most *len bytes, which become as many as there were, 0
 * at its end only. */
int blob_set_rewind(struct blob_set *b);
int blob_set_read(struct blob_set *b, char *data, size_t *len);

#endif
