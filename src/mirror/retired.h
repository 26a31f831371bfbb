/*
 * What of a store's index no pointer names any more: marked, and removed when nobody can need it.
 * Whoever publishes does this afterwards ("mirror/publish.h").
 */
#ifndef MIRROR_RETIRED_H
#define MIRROR_RETIRED_H

#include "mirror/store.h"
#include "oci/blob_index.h"

/* Takes the marker away from a set that is to count again. */
void retired_revive(struct store *s, struct exchange_client *c, const struct digest *object,
                    struct store_outcome *out);

/* before: the pointer that was replaced just now; its time is -1 if there was none. Not OK: it has
 * not been gone to the end, which does no harm; nothing is tried again. */
void retired_tidy(struct store *s, struct exchange_client *c,
                  const struct blob_index_pointer *before, struct store_outcome *out);

#endif
