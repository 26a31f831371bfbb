/*
 * Values as YAML that is read back as they are. Each function returns how many columns it took.
 */
#ifndef CONFIG_QUOTE_H
#define CONFIG_QUOTE_H

#include "config/config.h"

#include <stdio.h>

/* With quotes where it needs them, in a list in brackets, too; or always. */
size_t quote_text(const char *text, FILE *to);
size_t quote_quoted(const char *text, FILE *to);

/* Lists in brackets. */
size_t quote_texts(const struct config_texts *list, FILE *to);
size_t quote_prefixes(const struct config_prefixes *list, FILE *to);

#endif
