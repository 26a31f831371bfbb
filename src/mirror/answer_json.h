/*
 * JSON that a server has sent, as a tree. A tree can take a hundred times the memory of its text,
 * so each is bounded, and there is one at a time: whoever reads another one waits.
 */
#ifndef MIRROR_ANSWER_JSON_H
#define MIRROR_ANSWER_JSON_H

#include <jansson.h>

#define ANSWER_JSON_TREE_MAX (24 << 20) /* bytes of memory */

/* Before anything uses jansson, while there is one thread. */
void answer_json_open(void);

/* NULL: why says what is wrong. Else nobody reads another one before answer_json_done(). */
json_t *answer_json_read(const char *text, size_t len, size_t flags, char why[160]);

/* By the thread that read it. NULL is ignored. */
void answer_json_done(json_t *root);

#endif
