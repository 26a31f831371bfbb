/*
 * The time, in nanoseconds: monotonic, the same for all of Envoy's threads.
 */
#ifndef ENVOY_CLOCK_H
#define ENVOY_CLOCK_H

#include "abi.h"

#define CLOCK_MS INT64_C(1000000)

static inline int64_t clock_now(void)
{
    uint64_t now = 0;
    abi_clock(ABI_MONOTONIC, 0, &now);
    return (int64_t)now;
}

#endif
