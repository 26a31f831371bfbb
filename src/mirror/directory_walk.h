/*
 * Lists what lies in a directory that is a store, for directory.c.
 */
#ifndef MIRROR_DIRECTORY_WALK_H
#define MIRROR_DIRECTORY_WALK_H

#include "mirror/store_kind.h"

/* From the directory that the prefix names: what lies beside it is not read; nor is `work`, in the
 * root. 0, or an errno; what has gone meanwhile is none, and a prefix of nothing lists nothing. */
int directory_walk(int root, const char *work, const struct store_list *list);

#endif
