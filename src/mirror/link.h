/*
 * Where a listing goes on: the Link field (RFC 8288 section 3) of a registry's answers, and what
 * its target means (RFC 3986 section 5.2).
 */
#ifndef MIRROR_LINK_H
#define MIRROR_LINK_H

#include <archeio/str.h>

/* The target of the first link in a field's value whose relation is "next", within value. False:
 * there is none. What is malformed ends the value. */
bool link_next(struct str value, struct str *target);

enum link_result {
    LINK_OK,
    LINK_ELSEWHERE, /* on another server, or by another scheme */
    LINK_BAD,       /* empty, too long, or with characters that no URL has */
};

/* The URL that a target means in an answer to url, terminated in out. origin: "https://host:port",
 * which url begins with; LINK_OK: so does out, with a path behind it. */
enum link_result link_resolve(struct str origin, struct str url, struct str target, char *out,
                              size_t size);

#endif
