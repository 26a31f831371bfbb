/*
 * A network prefix: RFC 4632 section 3.1 ("192.0.2.0/24"), RFC 4291 section 2.3.
 */
#ifndef ARCHEIO_PREFIX_H
#define ARCHEIO_PREFIX_H

#include <archeio/addr.h>

struct prefix {
    struct addr addr; /* bits past `bits` are 0 */
    uint8_t bits;     /* 0 to 32, or 0 to 128 */
};

/* Room for the longest text form and its terminator. */
#define PREFIX_TEXT_MAX (ADDR_TEXT_MAX + 4)

enum prefix_result {
    PREFIX_OK,
    PREFIX_HOST_BITS, /* read, but bits past the length were set; they have been cleared */
    PREFIX_MALFORMED, /* not a prefix; *out is untouched */
};

/* Reads the whole of text, "ADDRESS/LENGTH"; a bare address is a prefix of full length. A length is
 * decimal without leading zeros. "::ffff:a.b.c.d/L" is IPv4's /(L - 96), and malformed below 96. */
enum prefix_result prefix_parse(struct str text, struct prefix *out);

/* Writes "ADDRESS/LENGTH", terminated; returns its length. */
size_t prefix_format(const struct prefix *p, char out[PREFIX_TEXT_MAX]);

/* Clears the bits past p->bits, which must not exceed the family's; true if any was set. */
bool prefix_clear_host(struct prefix *p);

/* False where the families differ or a is of none. */
bool prefix_holds(const struct prefix *p, const struct addr *a);

/* Orders by family, then address, then length: a prefix stands before those inside it. */
int prefix_compare(const struct prefix *a, const struct prefix *b);

#endif
