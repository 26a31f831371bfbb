/*
 * From one node of a document (or the text of a variable) to one member of the configuration.
 */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "config/config.h"
#include "config/document.h"
#include "config/schema.h"

struct reader {
    struct config *config;
    struct diag *d;
    enum config_source source;
    const char *name; /* of the file or variable; becomes the origin's */
};

/* Reads row's value into the configuration, in the place of what is there, and notes its origin.
 * False: what is wrong is in reader.d, and the member is as it was or emptied. */
bool reader_row(struct reader *r, size_t row, const struct document_node *node);

/* One error about node: "LABEL: " and the message; label is a setting's name. In the environment
 * the variable's name takes the place of the label. */
void reader_error(struct reader *r, const struct document_node *node, const char *label,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Releases what lies at a row's member, and empties it. */
void reader_clear(struct config *c, const struct schema_row *row);

/* A value of the wrong kind: "LABEL: expected EXPECTED, got ...". Always false. */
bool reader_unfit(struct reader *r, const struct document_node *node, const char *label,
                  const char *expected);

/* A list; otherwise an error as above, and false. */
bool reader_list(struct reader *r, const struct document_node *node, const char *label,
                 const char *expected);

/* Reads a list of prefixes into *out, which is empty (free() out->prefix, whatever the result). A
 * prefix with host bits is read without them, and warned of. */
bool reader_prefixes(struct reader *r, const struct document_node *list, const char *label,
                     struct config_prefixes *out);

/* The same for places, so that stores have a file of their own. */
bool reader_places(struct reader *r, const struct document_node *list, const char *label,
                   struct config_place **out, size_t *n);
void reader_free_places(struct config_place *places, size_t n);
struct config_origin reader_origin(const struct reader *r, const struct document_node *node);

/* A scalar that says something; otherwise an error, which names what was expected, and false. */
bool reader_scalar(struct reader *r, const struct document_node *node, const char *label,
                   const char *expected);

#endif
