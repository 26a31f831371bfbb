/*
 * Text from outside (requests, logs, names in a snapshot), shown so that no terminal obeys it.
 */
#ifndef CLI_PRINTABLE_H
#define CLI_PRINTABLE_H

#include <archeio/str.h>
#include <jansson.h>
#include <stdio.h>

/* What is not printable ASCII becomes '?'. */
void printable_put(struct str s, FILE *to);

/* null for nothing. JSON is UTF-8: of bytes that are none, all that are not ASCII become '?'. */
json_t *printable_json(struct str s);

#endif
