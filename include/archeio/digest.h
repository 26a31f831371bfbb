/*
 * Content digests: OCI image specification, "Digests" (descriptor.md).
 *
 *   digest    ::= algorithm ":" encoded
 *   algorithm ::= component (separator component)*,  component ::= [a-z0-9]+,  separator ::= [+._-]
 *   encoded   ::= [a-zA-Z0-9=_-]+
 *
 * The two registered algorithms are held as bytes; any other is well formed or not, no more.
 */
#ifndef ARCHEIO_DIGEST_H
#define ARCHEIO_DIGEST_H

#include <archeio/str.h>
#include <stdint.h>

enum digest_algorithm { DIGEST_OTHER = 0, DIGEST_SHA256 = 1, DIGEST_SHA512 = 2 };

struct digest {
    uint8_t algorithm; /* enum digest_algorithm */
    uint8_t size;      /* bytes used: 32 for sha256, 64 for sha512, 0 for another */
    uint8_t bytes[64]; /* the rest is 0, so that whole structures may be compared */
};

enum digest_result {
    DIGEST_OK,        /* sha256 or sha512, of the right length, lower-case hex */
    DIGEST_UNKNOWN,   /* fits the grammar, the algorithm is another */
    DIGEST_MALFORMED, /* neither */
};

/* "sha512:" and 128 digits. */
#define DIGEST_TEXT_MAX 135

/* Reads the whole of text; *out is written in every case (all zero unless DIGEST_OK). */
enum digest_result digest_parse(struct str text, struct digest *out);

/* Writes "sha256:<hex>", not terminated; returns its length. d must have come from DIGEST_OK. */
size_t digest_format(const struct digest *d, char out[DIGEST_TEXT_MAX]);

#endif
