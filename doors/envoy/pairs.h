/*
 * Header fields as they cross the ABI ("Serialization" there): a number, so many pairs of lengths,
 * then keys and values, each followed by a zero byte. Numbers have 32 bits and are little-endian.
 */
#ifndef ENVOY_PAIRS_H
#define ENVOY_PAIRS_H

#include <archeio/str.h>
#include <stdint.h>

struct pairs {
    uint32_t n;          /* fields that are left */
    const char *lengths; /* of the next */
    const char *text;    /* of the next */
    const char *end;
};

/* What is malformed reads as no fields, or ends early. */
struct pairs pairs_read(struct str serialised);

/* Keys are in lower case, as Envoy keeps them. */
bool pairs_next(struct pairs *p, struct str *key, struct str *value);

struct pairs_field {
    struct str key;
    struct str value;
};

/* Into memory_take()n memory; empty if there is none left. */
struct str pairs_write(const struct pairs_field *field, uint32_t n);

#endif
