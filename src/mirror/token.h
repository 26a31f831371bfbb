/*
 * Who may read what: the answers to a registry's challenges, kept for as long as they hold ("Token
 * Authentication" of the distribution project; RFC 6749 section 6 for identity tokens).
 *
 * Any thread; two that need the same token at once may both fetch it.
 */
#ifndef MIRROR_TOKEN_H
#define MIRROR_TOKEN_H

#include "mirror/exchange.h"
#include "mirror/login.h"
#include <archeio/str.h>

struct token_keeper;

/* For one registry; login stays where it is. NULL: no memory. */
struct token_keeper *token_keeper_new(const struct login *login);
void token_keeper_free(struct token_keeper *k);

#define TOKEN_HEADER_MAX 16384

/* The value for Authorization of a request about this repository ("" for what is about none), as
 * far as it is known; empty: none is needed, or none is known yet. */
void token_header(struct token_keeper *k, struct str repository, char out[TOKEN_HEADER_MAX]);

/* A request about this repository got a 401, with what token_header() gave before: answers its
 * challenges. False: that cannot be done; error says why, and what to do. Blocks. */
bool token_renew(struct token_keeper *k, struct exchange_client *c, struct str repository,
                 struct exchange *refused, char error[256]);

#endif
