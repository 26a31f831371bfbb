/*
 * Of what `archeio explain` prints, the routes: which were tried, and why each was not taken.
 */
#ifndef CLI_EXPLANATION_ROUTES_H
#define CLI_EXPLANATION_ROUTES_H

#include "cli/trace.h"
#include <jansson.h>
#include <stdio.h>

/* A line for each; where more than a screen of them was passed by, a paragraph for each condition
 * that was not met. */
void explanation_routes_print(const struct trace *t, FILE *to);

/* A list of objects, one for each. */
json_t *explanation_routes_json(const struct trace *t);

#endif
