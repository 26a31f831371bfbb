/*
 * Which routes can never be taken: by what the conditions say, whatever the ranges and ASN data
 * are.
 */
#ifndef CONFIG_COVER_H
#define CONFIG_COVER_H

#include "config/config.h"

/* How many comparisons are worth a warning; those of long patterns count as several. */
#define COVER_EFFORT 20000000U

/* Does every request that meets inner's conditions meet outer's, too? Where that is hard to say,
 * no: true is always right. *effort is what may still be spent on it, and is taken from; when it is
 * used up, the answer is no. */
bool cover_when(const struct config *c, const struct config_when *outer,
                const struct config_when *inner, size_t *effort);

/* The two conditions that no request meets both, such as "path and repository"; NULL: none are
 * known. Static. */
const char *cover_contradiction(const struct config_when *w);

#endif
