/*
 * Configuration and ranges -> snapshot image.
 */
#ifndef RANGES_COMPILE_H
#define RANGES_COMPILE_H

#include "config/config.h"
#include "ranges/ranges.h"
#include <archeio/snapshot.h>

struct compile_image {
    void *data; /* 8-byte aligned, of exactly size bytes; compile_release() it */
    size_t size;
    struct snapshot snapshot; /* opened on it */
};

/* False: what does not fit is in d. In any case warnings are, of clouds that nobody brings and of
 * what is wrong with the files of autonomous systems. */
bool compile_snapshot(const struct config *c, const struct ranges *r, struct compile_image *out,
                      struct diag *d);

/* The same with the ranges that the configuration names; false, too, if any file of theirs or of
 * the autonomous systems is refused. */
bool compile_strictly(const struct config *c, struct compile_image *out, struct diag *d);

/* Writes and reads the file of `archeio compile`. Reading copies it into memory of our own, because
 * a mapping of a file that somebody truncates is a SIGBUS. */
bool compile_write(const struct compile_image *image, const char *path, struct diag *d);
bool compile_read(const char *path, struct compile_image *out, struct diag *d);

/* The module of a filter (doors/envoy) with the image in it, for compile_write(); there is no
 * snapshot opened on it. */
bool compile_insert(const struct compile_image *image, struct str module, struct compile_image *out,
                    struct diag *d);

void compile_release(struct compile_image *image);

#endif
