/*
 * Writing a snapshot image front to back ("policy/image.h").
 */
#ifndef POLICY_LAYOUT_H
#define POLICY_LAYOUT_H

#include "policy/image.h"

/* Where the next byte of the image goes. Without memory it only counts: the bound and the image
 * come from the same walk. */
struct layout {
    unsigned char *image;
    size_t at;
};

/* n, rounded up to where a part may begin. */
size_t layout_aligned(size_t n);

/* Appends bytes. That there is room for them is what counting first has seen to. */
void layout_emit(struct layout *l, const void *data, size_t len);
void layout_text(struct layout *l, struct str text);

/* Pads, and notes that a part of so many elements begins here. */
void layout_begin(struct layout *l, struct image_header *h, enum image_part p, size_t count);

/* Texts are written first, so that what refers to them knows where they are: *t walks along them,
 * in the order in which they were written. */
struct image_text layout_refer(uint32_t *t, size_t len);

/* What the URLs of a registry begin with: "<endpoint>/v2/<path>/". */
void layout_registry(struct layout *l, struct str endpoint, struct str path);
size_t layout_registry_len(struct str endpoint, struct str path); /* 0 if there is no endpoint */

#endif
