/*
 * Numbers as Prometheus text (exposition format 0.0.4).
 */
#ifndef SERVER_EXPOSITION_H
#define SERVER_EXPOSITION_H

#include <archeio/str.h>
#include <stdint.h>
#include <stdio.h>

/* What comes before a family's samples; type: "counter", "gauge". */
void exposition_family(FILE *f, const char *name, const char *type, const char *help);

/* name="value": backslash, quote and line feed are escaped. */
void exposition_label(FILE *f, const char *name, struct str value);

/* A family of one sample. */
void exposition_single(FILE *f, const char *name, const char *type, const char *help,
                       uint64_t value);

#endif
