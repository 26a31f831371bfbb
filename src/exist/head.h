/*
 * One HEAD request and what its answer means: 200 is present; 404 and 403 are absent (S3 says 403
 * for a missing key where the caller may not list); anything else is an error. One redirect is
 * followed, by the rules of "client/hop.h".
 */
#ifndef EXIST_HEAD_H
#define EXIST_HEAD_H

#include "client/hop.h"
#include "exist/exist.h"

struct head {
    const struct libcurl *curl;
    CURL *easy;
    struct hop hop;
    int64_t began;
    int64_t deadline;
    bool starved;      /* the error was ours: it says nothing about the store */
    bool answered;     /* there was an answer, whatever it said */
    void *owner;       /* the caller's */
    struct head *next; /* the caller's, too */
    struct head **link;
    char error[CURL_ERROR_SIZE];
};

/* A handle for one request after the other; NULL: no memory. */
struct head *head_new(const struct libcurl *curl);
void head_free(struct head *h);

/* Prepares a request; perform h->easy. timeout is for all of it. */
void head_begin(struct head *h, const char *url, int64_t timeout);

/* After h->easy has been performed: the state; or EXIST_MISS: perform it again, for the redirect.
 * why (what was wrong) is written on EXIST_ERROR. */
enum exist_state head_end(struct head *h, CURLcode code, char why[256]);

#endif
