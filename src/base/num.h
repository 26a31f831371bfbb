/*
 * Checked numbers: what is read from text, and arithmetic on sizes that come from outside.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <archeio/str.h>
#include <stdint.h>

/* Reads the whole of text as decimal digits: no sign, no blank, no leading zero but "0" itself, at
 * most max. On false, *out is untouched. */
bool num_parse(struct str text, uint64_t max, uint64_t *out);

/* a + b or a * b; false where it does not fit (*out is then untouched). */
bool num_add(size_t a, size_t b, size_t *out);
bool num_mul(size_t a, size_t b, size_t *out);

/* The decimal digits of value, not terminated; returns how many. */
#define NUM_TEXT_MAX 20
size_t num_format(uint64_t value, char out[NUM_TEXT_MAX]);

#endif
