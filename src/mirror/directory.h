/*
 * A directory as a store: each object is a file, a key's segments are directories (':' stays).
 *
 * An object is written to DIRECTORY/.geranos/, flushed to the disk, and only then moved to its
 * name, without replacing what may be there by then: under its name it is whole or not at all,
 * whenever the power fails. It counts as written once its directory, too, has been flushed after
 * the move. Each is flushed by itself: file systems with a journal let those that come together
 * share it, so that objects written at the same time cost about one flush. A file in .geranos is
 * locked by who writes it, so that what a killed run left can be told from what is being written.
 */
#ifndef MIRROR_DIRECTORY_H
#define MIRROR_DIRECTORY_H

#include "mirror/store_kind.h"

extern const struct store_kind directory_kind;

#endif
