/*
 * What the files of a directory say of an address: for `archeio ranges show ADDRESS`.
 */
#ifndef CLI_RANGES_ADDRESS_H
#define CLI_RANGES_ADDRESS_H

#include "config/config.h"
#include "ranges/ranges.h"
#include <archeio/lpm.h>

struct ranges_address_sources {
    const struct config *config; /* its providers */
    const char *directory;       /* its files of autonomous systems */
    const struct ranges *ranges;
    const struct lpm *table; /* of the ranges */
};

/* Prints what is known of each of the n addresses. False: one of them is none (that has been said),
 * or a file was refused (errors are in d). */
bool ranges_address_show(const struct ranges_address_sources *from, char **addresses, int n,
                         struct diag *d);

#endif
