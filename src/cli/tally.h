/*
 * How often each of many texts was seen, in bounded memory: the most frequent are among those kept,
 * whatever the others are (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and
 * top-k elements in data streams", ICDT 2005). As long as no more different ones come than are
 * kept, every count is exact.
 */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include <archeio/str.h>
#include <stdint.h>

#define TALLY_MAX 1024     /* texts */
#define TALLY_TEXT_MAX 512 /* bytes of each; what is longer is cut */

struct tally_entry {
    uint64_t count; /* at most this often ... */
    uint64_t over;  /* ... and at least so much less; 0: exactly */
    uint32_t hash;
    uint16_t len;
    uint16_t slot; /* private: where its text is */
};

/* All zero is empty; tally_release() it. */
struct tally {
    struct tally_entry *entry;
    char (*memory)[TALLY_TEXT_MAX];
    size_t n;
    bool full; /* some were dropped */
};

void tally_add(struct tally *t, struct str text);

/* By count, the most frequent first. */
void tally_sort(struct tally *t);

struct str tally_text(const struct tally *t, size_t i);

void tally_release(struct tally *t);

#endif
