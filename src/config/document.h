/*
 * A YAML file as a tree with positions. Of YAML 1.1 it takes what a configuration needs: mappings,
 * lists and scalars, in one document. Anchors, aliases and tags are refused: they let a few bytes
 * stand for gigabytes, or for something else than what is written.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include "sys/diag.h"

#define DOCUMENT_SIZE_MAX (4U << 20) /* bytes */
#define DOCUMENT_DEPTH_MAX 16        /* mappings and lists within each other */

enum document_kind { DOCUMENT_SCALAR, DOCUMENT_LIST, DOCUMENT_MAPPING };

struct document_node {
    enum document_kind kind;
    bool plain;    /* a scalar without quotes */
    unsigned line; /* from 1, as all positions */
    unsigned column;
    char *text; /* a scalar's value, without NUL; otherwise NULL */
    char *key;  /* of a mapping's member; otherwise NULL */
    unsigned key_line;
    unsigned key_column;
    struct document_node *first; /* of a list or mapping */
    struct document_node *last;
    struct document_node *next; /* in the same list or mapping */
};

/* The top node: a mapping, empty if the text holds nothing but comments. NULL: what is wrong is in
 * d. document_free() it; it does not refer to text. name stands in messages. */
struct document_node *document_read(const char *name, const char *text, size_t len, struct diag *d);
void document_free(struct document_node *node);

/* Is it what YAML calls null (nothing, "~", "null")? */
bool document_is_null(const struct document_node *node);

/* "a list", "an empty list", "a mapping", "nothing", or the text in quotes, cut where it is long:
 * for messages. */
#define DOCUMENT_SHOWN_MAX 64
const char *document_show(const struct document_node *node, char out[DOCUMENT_SHOWN_MAX]);

#endif
