/*
 * An IP address, and nothing else: no port, no zone, no name.
 *
 * The text form that is read is strict: RFC 3986 section 3.2.2 dotted decimal (four decimal octets
 * without leading zeros) or RFC 4291 section 2.2. What inet_aton() would also take (octal, hex,
 * fewer parts) and zones ("%eth0") are refused, because two programs that read them differently
 * disagree about who the client is. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the
 * IPv4 address, wherever it comes from.
 */
#ifndef ARCHEIO_ADDR_H
#define ARCHEIO_ADDR_H

#include <archeio/str.h>
#include <stdint.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
    uint8_t family;    /* enum addr_family; ADDR_NONE: unknown, everything else is 0 */
    uint8_t bytes[16]; /* network order; IPv4 takes the first four, the rest is 0 */
};

/* Room for the longest text form and its terminator. */
#define ADDR_TEXT_MAX 46

/* Reads the whole of text. On false, *out is untouched. */
bool addr_parse(struct str text, struct addr *out);

/* Writes the canonical form (RFC 5952; "-" for ADDR_NONE), terminated; returns its length. */
size_t addr_format(const struct addr *a, char out[ADDR_TEXT_MAX]);

/* From the bytes of a sockaddr, network order. Mapped addresses become IPv4. */
struct addr addr_from_v4(const uint8_t bytes[4]);
struct addr addr_from_v6(const uint8_t bytes[16]);

bool addr_eq(const struct addr *a, const struct addr *b);

#endif
