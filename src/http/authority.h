/*
 * The authority of a request: the Host field's value (RFC 9110 section 7.2), what stands between
 * "//" and the path in absolute-form, and CONNECT's target (RFC 9112 section 3.2).
 *
 *   authority ::= uri-host [ ":" port ],  uri-host ::= IP-literal / reg-name (RFC 3986, 3.2.2)
 *
 * Userinfo is no part of it (RFC 9110 section 4.2.4). An empty host is refused: the grammar has it,
 * but an http URI may not (RFC 9110 section 4.2.1), so no request has reason to name it.
 */
#ifndef HTTP_AUTHORITY_H
#define HTTP_AUTHORITY_H

#include <archeio/str.h>

/* Is the whole of text one? A port may be empty, as the RFC has it, and is at most 65535. */
bool authority_valid(struct str text);

#endif
