/*
 * The snapshot that `archeio compile --wasm` has put into this module ("policy/wasm.h").
 */
#ifndef ENVOY_INSERTED_H
#define ENVOY_INSERTED_H

#include <archeio/str.h>

/* Aligned as snapshot_open() wants it. Empty: there is none. */
struct str inserted_snapshot(void);

#endif
