/*
 * Lists of words in mappings: of one word, the brackets may be left out.
 */
#ifndef CONFIG_TEXTS_H
#define CONFIG_TEXTS_H

#include "config/reader.h"

#define TEXTS_MAX 4096 /* words of a list */

/* What a word must be: NULL, or what was expected (static, reads well after "expected"). */
typedef const char *texts_check(struct str text);

/* Adds what the node says to the list, which texts_clear() releases. label begins messages,
 * expected is said of what is neither word nor list. False: errors are in r->d. An empty list is
 * one: a condition that nothing meets is not what was meant. */
bool texts_read(struct reader *r, const struct document_node *node, const char *label,
                const char *expected, texts_check *check, struct config_texts *out);
void texts_clear(struct config_texts *texts);

/* Calls `each` for a node that is a word, or for every member of a list; false if that is empty, or
 * any call said false. */
typedef bool texts_each(struct reader *r, const struct document_node *node, void *context);
bool texts_for_each(struct reader *r, const struct document_node *node, const char *label,
                    const char *expected, texts_each *each, void *context);

void texts_add(struct config_texts *texts, struct str text);
bool texts_have(const struct config_texts *texts, const char *text);

/* "as64500", "AS64500" or "64500": RFC 5396, asplain. 0 is nobody's. */
const char *texts_asn(struct str text, uint32_t *out);

#endif
