/*
 * The longest-prefix-match table: which published prefix, of those that hold an address, is the
 * most specific, and what value stands beside it.
 *
 * A table is a flat image, built once in memory that the caller gives, read without allocation,
 * offset-based, position independent (8-byte aligned), in the byte order of the machine. IPv4 and
 * IPv6 share an image and one lookup.
 */
#ifndef ARCHEIO_LPM_H
#define ARCHEIO_LPM_H

#include <archeio/addr.h>
#include <archeio/prefix.h>

#define LPM_NONE UINT32_MAX      /* no prefix holds the address */
#define LPM_VALUE_MAX 0xfffeU    /* the largest value that may be stored */
#define LPM_PREFIXES_MAX 1000000 /* the most prefixes that a table takes */

struct lpm_entry {
    struct prefix prefix; /* without host bits */
    uint32_t value;       /* at most LPM_VALUE_MAX */
};

/* A table that was checked: views into its image, valid while that is. Private to lpm.c but for
 * its size. */
struct lpm {
    const unsigned char *image;
    size_t size; /* bytes of the image */
    const uint32_t *entries;
    uint32_t root[ADDR_V6 + 1]; /* by family */
    uint32_t n_prefixes[2];     /* IPv4's, IPv6's; so are the next */
    const unsigned char *addresses[2];
    const unsigned char *lengths[2];
};

/* How much memory an image of n entries can take at most, and how much lpm_build() needs besides
 * while it works. SIZE_MAX: too many entries. */
size_t lpm_image_bound(const struct lpm_entry *entries, size_t n);
size_t lpm_scratch_size(size_t n);

/* Writes the table of n entries to image (8-byte aligned, lpm_image_bound() bytes: a bound far
 * above what tables take, and memory that is not used is not touched) and returns how many bytes of
 * it are used; scratch is 8-byte aligned, too. 0 if an entry is unfit (host bits, family, value),
 * memory is short, or the table would be too large. Of entries with the same prefix the first
 * counts. The entries may be in any order; they are not changed. No entries make an empty table,
 * which is valid. */
size_t lpm_build(const struct lpm_entry *entries, size_t n, void *scratch, size_t scratch_size,
                 void *image);

/* Checks every offset of an image, so that no lookup in it, whatever its bytes, reads outside
 * [image, image + size). Returns NULL, or what is wrong with it (a static text). */
const char *lpm_open(struct lpm *table, const void *image, size_t size);

/* The value of the longest prefix that holds a; LPM_NONE if none does (or a is ADDR_NONE). */
uint32_t lpm_lookup(const struct lpm *table, const struct addr *a);

/* As lpm_lookup(), and which prefix it was (untouched on LPM_NONE). Slower: for people. */
uint32_t lpm_match(const struct lpm *table, const struct addr *a, struct prefix *matched);

/* How many prefixes of a family (ADDR_V4, ADDR_V6) the table was built from. */
uint32_t lpm_count(const struct lpm *table, enum addr_family family);

/* The i-th of them, in the order of prefix_compare(); i must be below the count. */
struct prefix lpm_prefix(const struct lpm *table, enum addr_family family, uint32_t i);

#endif
