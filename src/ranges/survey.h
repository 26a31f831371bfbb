/*
 * What a directory's files say of autonomous systems, for people: all that they say, not only what
 * routes and providers ask for.
 */
#ifndef RANGES_SURVEY_H
#define RANGES_SURVEY_H

#include "ranges/asn.h"

struct survey_file {
    char *name;       /* without the directory */
    int64_t modified; /* Unix seconds */
    size_t prefixes;
    size_t systems; /* different numbers, without 0 */
};

struct survey {
    struct survey_file *file; /* those that were read, in the order of asn_files() */
    size_t n_files;
    size_t n_refused; /* errors in d say why */
};

void survey_make(const char *directory, struct survey *out, struct diag *d);
void survey_release(struct survey *s);

/* Whose an address is. */
struct survey_answer {
    bool found;           /* some prefix holds it; then: */
    struct prefix prefix; /* the longest */
    uint32_t asn;         /* 0: of nobody that is known */
    char *name;           /* of the system; "" if the file does not say */
    char *file;           /* that says so, without the directory */
};

/* Reads all files; those that are refused (errors in d) say nothing. survey_answer_release() it. */
void survey_find(const char *directory, const struct addr *a, struct survey_answer *out,
                 struct diag *d);
void survey_answer_release(struct survey_answer *a);

#endif
