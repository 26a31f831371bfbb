/*
 * What a registry answers to a request that needs credentials: WWW-Authenticate (RFC 9110 section
 * 11.6.1), with Basic (RFC 7617), or Bearer as the distribution specification's "Token
 * Authentication" has it.
 */
#ifndef MIRROR_CHALLENGE_H
#define MIRROR_CHALLENGE_H

#include <archeio/str.h>

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

#define CHALLENGE_TEXT_MAX 1024

/* Terminated texts; empty where nothing was said. Of Bearer: where to get a token, and for what. */
struct challenge {
    enum challenge_scheme scheme;
    char realm[CHALLENGE_TEXT_MAX];
    char service[CHALLENGE_TEXT_MAX];
    char scope[CHALLENGE_TEXT_MAX];
};

/* Reads the value of one field line, which may hold several challenges: Bearer counts before Basic,
 * what was read before counts if this line brings nothing better, and other schemes are passed
 * over. What is malformed ends the line; a text that is too long makes its challenge none. */
void challenge_read(struct challenge *c, struct str value);

#endif
