/*
 * Lists of words in mappings: of one word, the brackets may be left out.
 */
#ifndef CONFIG_TEXTS_H
#define CONFIG_TEXTS_H

#include "config/reader.h"

#define TEXTS_MAX 4096 /* words of a list */

/* Which words a list may hold. */
struct texts_rule {
    const char *label;                     /* begins messages */
    const char *expected;                  /* said of what is neither word nor list */
    const char *(*check)(struct str text); /* NULL, or what was expected of the word (static); for
                                            * texts_read() alone */
    bool lower;                            /* capitals make no difference: they are kept small */
};

/* Adds what the node says to the list, which texts_clear() releases. A word that is in the list
 * already is an error; so is a list without any: a condition that nothing meets is not what was
 * meant. False: errors are in r->d. */
bool texts_read(struct reader *r, const struct document_node *node, const struct texts_rule *rule,
                struct config_texts *out);
void texts_clear(struct config_texts *texts);

/* Calls `each` for a node that is a word, or for every member of a list; false if that is empty, or
 * any call said false. The rule's label and what it expects are for errors. */
typedef bool texts_each(struct reader *r, const struct document_node *node, void *context);
bool texts_for_each(struct reader *r, const struct document_node *node,
                    const struct texts_rule *rule, texts_each *each, void *context);

/* A text that nobody wrote, or one of a file. */
void texts_add(struct config_texts *texts, struct str text);
void texts_add_at(struct config_texts *texts, struct str text, struct config_origin origin);
bool texts_have(const struct config_texts *texts, const char *text);

/* ASCII's capital letters made small. */
void texts_lower(char *text);

#endif
