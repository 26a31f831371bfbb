/*
 * Addresses that a redirect may not lead to.
 *
 * Whoever can make a store or a web page redirect us would otherwise reach what only we can: the
 * services of this machine, of the private network, of the cloud's metadata address. What an
 * operator has configured may have any address; where that is loopback or private itself, its
 * redirects may stay among loopback or private addresses.
 */
#ifndef CLIENT_GUARD_H
#define CLIENT_GUARD_H

#include <archeio/addr.h>

/* IANA's special-purpose address registries (RFC 6890) and multicast. */
enum guard_class {
    GUARD_PUBLIC,
    GUARD_LOOPBACK, /* 127.0.0.0/8, ::1 */
    GUARD_PRIVATE,  /* RFC 1918, RFC 6598 (carrier NAT), RFC 4193 (fc00::/7) */
    GUARD_NEVER,    /* link-local, multicast, unspecified, broadcast, reserved; and no address */
};

/* An IPv6 address that stands for an IPv4 one (mapped, NAT64) is classed as that. */
enum guard_class guard_classify(const struct addr *a);

/* Whether a redirect may lead from a configured URL whose address is of class origin to a. */
bool guard_allows(enum guard_class origin, const struct addr *a);

#endif
