/*
 * What is remembered between two updates, in the file "update.state" of the ranges directory: when
 * each file was last known to be current, and what the server called that version of it. It only
 * saves downloads: one that is missing, damaged or of another file is as good as none.
 *
 * A line: FILE, time checked, Last-Modified, hash of the content, URL, ETag, separated by tabs.
 */
#ifndef RANGES_STATE_H
#define RANGES_STATE_H

#include "ranges/source.h"
#include <stdint.h>

struct state_entry {
    int64_t checked;  /* Unix seconds; 0: never, and nothing else is known */
    int64_t modified; /* as the server said; 0 if it did not */
    uint64_t hash;    /* state_hash() of the content that etag and modified stand for */
    char url[SOURCE_URL_MAX];
    char etag[256];
};

struct state {
    struct state_entry entry[SOURCE_COUNT]; /* as source_table */
};

void state_read(struct state *s, const char *directory);

/* 0 or an errno. */
int state_write(const struct state *s, const char *directory);

uint64_t state_hash(struct str content);

#endif
