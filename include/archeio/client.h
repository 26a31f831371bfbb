/*
 * Who the client is: from the socket's peer, X-Forwarded-For or X-Real-Ip.
 *
 * An unusable header never fails a pull: the client is then of no family (unknown region), the
 * result says so, and the caller counts it.
 */
#ifndef ARCHEIO_CLIENT_H
#define ARCHEIO_CLIENT_H

#include <archeio/addr.h>
#include <archeio/lpm.h>

enum client_mode {
    CLIENT_PEER,      /* the socket; headers are ignored */
    CLIENT_GOOGLE_LB, /* the second entry from the right of X-Forwarded-For, all field lines joined:
                       * "<what the client sent>, <client>, <load balancer>"; without the field, the
                       * socket. Source: Google Cloud, "X-Forwarded-For header" of its external
                       * application load balancer */
    CLIENT_TRUSTED_PROXIES, /* from the right, the first address that is no listed proxy, the socket
                             * included; if all are, the left-most */
    CLIENT_X_REAL_IP,       /* what X-Real-Ip says, as nginx and ingress controllers set it; of
                             * several lines the first; without the field, the socket */
};

struct client_rules {
    enum client_mode mode;
    const struct lpm *proxies; /* CLIENT_TRUSTED_PROXIES: any match is a proxy; else unused */
};

enum client_result {
    CLIENT_FROM_PEER,
    CLIENT_FROM_HEADER,
    CLIENT_UNUSABLE, /* too few entries, or the entry is no address: *client is ADDR_NONE */
};

/* fields: the values of the X-Forwarded-For field lines, or with CLIENT_X_REAL_IP of X-Real-Ip's,
 * in the order received; n may be 0. An entry is an address, or an address with a port
 * ("192.0.2.1:80", "[2001:db8::1]:80", brackets alone, too), with blanks around it; an empty entry
 * is unusable, not skipped. */
enum client_result client_address(const struct client_rules *rules, const struct addr *peer,
                                  const struct str *fields, size_t n, struct addr *client);

#endif
