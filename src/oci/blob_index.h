/*
 * The index of a store: the exact set of the digests that it holds, published beside them.
 *
 * Two objects, below the store's URL:
 *
 *   geranos/index/sha256:HEX   the set; named by the SHA-256 of its bytes, and never changed
 *   geranos/index/current      the pointer: which set counts now
 *
 * The set, integers in little-endian order:
 *
 *    0   8  "geranos\n"
 *    8   4  1, the version
 *   12   4  0
 *   16  16  section of SHA-256: 1 (4 bytes), 32 (4), how many digests (8)
 *   32  16  section of SHA-512: 2 (4 bytes), 64 (4), how many digests (8)
 *   48  16  0
 *   64      the digests of SHA-256, raw, strictly ascending by memcmp(); then those of SHA-512
 *
 * Nothing follows. So there is one way to write a set, and its name is the same whoever writes it.
 *
 * The pointer, each line with its "\n", numbers in decimal without leading zeros:
 *
 *   geranos-index 1
 *   time 1795259000            when the listing began that the set was made of, Unix seconds
 *   sha256 380                 how many digests of each algorithm
 *   sha512 0
 *   object sha256:HEX          the set
 *
 * This lies among the pure rooms because two rooms need it that must not need each other: mirror/
 * writes what exist/ reads. Nothing here allocates, hashes, or asks for the time.
 */
#ifndef OCI_BLOB_INDEX_H
#define OCI_BLOB_INDEX_H

#include <archeio/digest.h>

#define BLOB_INDEX_DIRECTORY "geranos/index/"
#define BLOB_INDEX_CURRENT "geranos/index/current"

#define BLOB_INDEX_KINDS 2 /* algorithms: SHA-256, SHA-512 */
#define BLOB_INDEX_HEADER 64
#define BLOB_INDEX_COUNT_MAX UINT32_MAX /* digests of one algorithm */

/* How long a set of so many digests is. No count is above BLOB_INDEX_COUNT_MAX. */
uint64_t blob_index_size(const uint64_t count[BLOB_INDEX_KINDS]);

/* ── The pointer ── */

struct blob_index_pointer {
    int64_t time; /* Unix seconds, at least 0 */
    uint64_t count[BLOB_INDEX_KINDS];
    struct digest object; /* SHA-256 */
};

#define BLOB_INDEX_POINTER_MAX 256

/* Not terminated; returns the length. */
size_t blob_index_pointer_format(const struct blob_index_pointer *p,
                                 char out[BLOB_INDEX_POINTER_MAX]);

/* NULL, or what was expected (static, reads well after "expected"), and *out is then undefined. */
const char *blob_index_pointer_parse(struct str text, struct blob_index_pointer *out);

/* ── Writing a set ── */

/* Begin, write the header; put each digest in order and write its bytes; end. */
struct blob_index_writer {
    uint64_t left[BLOB_INDEX_KINDS];
    struct digest last; /* size 0: none */
};

void blob_index_begin(struct blob_index_writer *w, const uint64_t count[BLOB_INDEX_KINDS],
                      uint8_t header[BLOB_INDEX_HEADER]);

/* False: d is not above the one before it, or there are more of its algorithm than were announced:
 * what was written is no index. */
bool blob_index_put(struct blob_index_writer *w, const struct digest *d);

/* False: digests are missing. */
bool blob_index_end(const struct blob_index_writer *w);

/* ── Checking a set ── */

/* What passes by, in pieces of any size, in constant memory. */
struct blob_index_check {
    uint64_t count[BLOB_INDEX_KINDS]; /* as the header says, once it has passed */
    uint64_t left[BLOB_INDEX_KINDS];
    bool begun;   /* the header has passed */
    bool follows; /* a digest of the same algorithm came before */
    size_t have;  /* bytes of the next part */
    uint8_t part[64];
    uint8_t last[64];
};

void blob_index_check_begin(struct blob_index_check *c);

/* NULL, or what is wrong (static); the check is then over. */
const char *blob_index_check_feed(struct blob_index_check *c, const void *data, size_t len);

/* The same, after the last piece. */
const char *blob_index_check_end(const struct blob_index_check *c);

/* ── Reading a set ── */

struct blob_index {
    const uint8_t *digest[BLOB_INDEX_KINDS]; /* in the set's own memory */
    size_t n[BLOB_INDEX_KINDS];
    const uint32_t *guide[BLOB_INDEX_KINDS]; /* where to look: the caller's memory */
};

/* Bytes of the guide to a set of that size: a thirtieth of it. */
size_t blob_index_guide_size(size_t set_size);

/* Checks all of a set in memory, and writes the guide to it; both must stay as they are while *x is
 * used. NULL, or what is wrong (static). */
const char *blob_index_open(struct blob_index *x, const void *set, size_t size, uint32_t *guide);

/* d is of one of the two algorithms. Looks at a handful of digests that lie side by side; at most
 * at as many more as a binary search would, whatever is in the set. */
bool blob_index_has(const struct blob_index *x, const struct digest *d);

#endif
