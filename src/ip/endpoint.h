/*
 * An IP address and a port: where a server listens.
 */
#ifndef IP_ENDPOINT_H
#define IP_ENDPOINT_H

#include <archeio/addr.h>

struct endpoint {
    struct addr addr;
    uint16_t port; /* 0: any that is free */
};

/* Room for "[address]:port" and its terminator. */
#define ENDPOINT_TEXT_MAX (ADDR_TEXT_MAX + 8)

/* Reads the whole of "192.0.2.1:8080", "[::]:8080" or ":8080", which is "[::]:8080". No name, and
 * no IPv6 address without brackets. On false, *out is untouched. */
bool endpoint_parse(struct str text, struct endpoint *out);

/* Writes it so that it reads back to itself, terminated. */
void endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX]);

#endif
