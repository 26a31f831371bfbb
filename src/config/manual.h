/*
 * What is made from the schema for people: the sample file, the manual pages (mdoc), the README's
 * table. A test holds the committed files equal to these.
 */
#ifndef CONFIG_MANUAL_H
#define CONFIG_MANUAL_H

#include <stdio.h>

/* Of the manual pages: of the last change to what they say. */
#define MANUAL_DATE "November 21, 2026"

/* Every setting with its default, as comments: a file to begin with. */
void manual_sample(FILE *to);

/* A table row per setting. */
void manual_markdown(FILE *to);

/* archeio.yaml(5). */
void manual_settings(FILE *to);

#endif
