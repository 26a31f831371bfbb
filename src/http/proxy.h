/*
 * The header that a proxy sends before everything else on a connection, to say who the client is:
 * the PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt). Only from peers that are
 * configured to send it: whoever may send it can be anybody.
 *
 * Where that text leaves the choice, the strict reading is taken: an address has one form (as
 * archeio/addr.h), and whatever does not add up is refused.
 */
#ifndef HTTP_PROXY_H
#define HTTP_PROXY_H

#include <archeio/addr.h>
#include <archeio/str.h>

#define PROXY_V1_MAX 107 /* bytes of version 1, CRLF included (section 2.1) */

/* Bytes of version 2 with all its TLVs. Addresses, ALPN, server name, unique id, checksum and what
 * is said of TLS together need less than 1 KiB, and the sender must send it at once; other servers
 * stop at 4 KiB, too. */
#define PROXY_MAX 4096

enum proxy_result {
    PROXY_MORE, /* not all of it has come; there is no more of it than PROXY_MAX */
    PROXY_DONE, /* *header is filled */
    PROXY_BAD,  /* close without an answer */
};

struct proxy_header {
    size_t size;        /* its bytes; the connection's own begin there */
    struct addr source; /* ADDR_NONE: the socket's other end is the client (LOCAL, UNKNOWN, or no
                         * TCP over IP) */
    uint16_t port;      /* source's; 0 without one */
};

/* data: everything from the connection's first byte; call again with more until the result is not
 * PROXY_MORE (at most PROXY_MAX bytes are looked at). What does not begin like a header is refused
 * at its first wrong byte. A second header is no part of the first: it is no valid request either.
 */
enum proxy_result proxy_parse(const char *data, size_t len, struct proxy_header *header);

#endif
