/*
 * Where a registry is, as people write it: "[scheme://]host[:port][/prefix]". Without a scheme it
 * is https, and http for this machine's own addresses.
 */
#ifndef MIRROR_ADDRESS_H
#define MIRROR_ADDRESS_H

#include "mirror/names.h"

#define ADDRESS_BASE_MAX 300

struct address {
    char base[ADDRESS_BASE_MAX]; /* "https://host:port" */
    char prefix[NAMES_REPOSITORY_MAX + 1];
    char name[ADDRESS_BASE_MAX + NAMES_REPOSITORY_MAX]; /* for people: "host:port/prefix" */
};

/* False: error says what is wrong. */
bool address_read(struct address *a, const char *from, char error[256]);

#endif
