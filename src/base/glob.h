/*
 * Patterns over names and paths: '*' stands for any bytes but '/', '**' for any bytes, '?' for one
 * byte but '/'. Where '**' is a whole segment, it may also stand for none: "a/" '**' "/b" matches
 * "a/b" and "a/x/y/b", but not "ab". At the end it needs the '/' before it: "a/" '**' matches "a/"
 * and all below it, not "a".
 *
 * The time is at most that of len(pattern) x len(text) steps for each segment of the pattern,
 * whatever the text: text comes from outside.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <archeio/str.h>

bool glob_matches(struct str pattern, struct str text);

/* The bytes before the first wildcard: a text that matches begins with them. */
size_t glob_literal(struct str pattern);

#endif
