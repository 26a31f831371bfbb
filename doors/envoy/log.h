/*
 * Lines for Envoy's log, which names the filter by itself.
 */
#ifndef ENVOY_LOG_H
#define ENVOY_LOG_H

#include "abi.h"

#include <archeio/str.h>

/* One line of pieces, in this order; cut after 512 bytes. */
void log_pieces(enum abi_level level, const struct str *piece, size_t n);

#define LOG(level, ...)                                                                            \
    log_pieces(level, (const struct str[]){__VA_ARGS__},                                           \
               sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

#endif
