/*
 * The filter for Envoy (doors/envoy), as it was built beside this program: so its snapshots are the
 * ones that it reads.
 */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <archeio/str.h>

/* A WebAssembly module without a snapshot, static. Empty: none was built, for want of a compiler
 * for it. */
struct str filter_module(void);

#endif
