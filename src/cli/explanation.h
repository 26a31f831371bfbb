/*
 * What `archeio explain` prints: a trace, for people and for programs.
 */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include "cli/trace.h"
#include <stdio.h>

struct explanation {
    const struct trace *trace;
    const char *method;    /* as given */
    const char *existence; /* where existence was taken from: "HEAD", "--present", "--absent" */
    const char *const *provider; /* names of those that the client's network belongs to */
    size_t n_providers;
};

void explanation_print(const struct explanation *e, FILE *to);

/* One JSON object; docs/operations.md says what is in it. */
void explanation_print_json(const struct explanation *e, FILE *to);

#endif
