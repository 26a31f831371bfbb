/*
 * The image of a prefix table: what lpm_build() writes and lpm_open() checks.
 *
 *   struct lpm_image_head
 *   entries of the trie, 4 bytes each, in the machine's byte order
 *   IPv4: addresses (4 bytes each), IPv6: addresses (16 bytes each)
 *   IPv4: lengths (1 byte each),    IPv6: lengths (1 byte each)
 *
 * The trie has the answers pushed down to its leaves: nothing needs to be remembered on the way.
 * Its nodes are arrays of 2^stride entries, indexed by the next `stride` bits of the address, and
 * stand in the order of a walk from the root (a node, then all that is below its first entry, ...).
 * An entry is a leaf, a value or LPM_IMAGE_NOTHING, or refers to a node:
 *
 *   bits 30, 31  both set: a node; only bit 31: a node that looks at the low half of an IPv6
 *                address, while its parent looks at the high one
 *   bits 26..29  16 - stride
 *   bits 0..25   where the node begins, counted in entries
 *
 * So the upper six bits of most nodes are 64 - stride: what 64 bits have to be shifted by.
 *
 * The prefixes, sorted and without duplicates, are there for lpm_match() only.
 */
#ifndef IP_LPM_IMAGE_H
#define IP_LPM_IMAGE_H

#include <stdint.h>

/* Also tells the byte order; the last digit is the format's version. */
#define LPM_IMAGE_MAGIC 0x6c706d01U

#define LPM_IMAGE_NODE 0x80000000U
#define LPM_IMAGE_HIGH 0x40000000U
#define LPM_IMAGE_SHIFT 26
#define LPM_IMAGE_STRIDE_MAX 16U
#define LPM_IMAGE_ENTRIES_MAX (1U << LPM_IMAGE_SHIFT)
#define LPM_IMAGE_NOTHING 0xffffU

/* Of what belongs to a family there are two: IPv4's, IPv6's. */
struct lpm_image_head {
    uint32_t magic;
    uint32_t n_entries;
    uint32_t root[2]; /* an entry */
    uint32_t n_prefixes[2];
};

/* Whether a node looks at the low half: it does from the 64th bit on. No node looks at both. */
#define LPM_IMAGE_HALF 64U

static inline unsigned lpm_image_stride(uint32_t entry)
{
    return LPM_IMAGE_STRIDE_MAX - (entry >> LPM_IMAGE_SHIFT & (LPM_IMAGE_STRIDE_MAX - 1));
}

static inline uint32_t lpm_image_offset(uint32_t entry)
{
    return entry & (LPM_IMAGE_ENTRIES_MAX - 1);
}

/* Eight bytes of an address as a number. */
static inline uint64_t lpm_image_half(const uint8_t bytes[8])
{
    return (uint64_t)bytes[0] << 56 | (uint64_t)bytes[1] << 48 | (uint64_t)bytes[2] << 40 |
           (uint64_t)bytes[3] << 32 | (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 |
           (uint64_t)bytes[6] << 8 | bytes[7];
}

#endif
