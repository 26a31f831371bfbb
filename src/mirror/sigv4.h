/*
 * AWS Signature Version 4 for S3 and what speaks it: "Authenticating Requests (AWS Signature
 * Version 4)", Amazon S3 API reference. The signature stands in the Authorization header; nothing
 * is signed into a URL, and nothing but the payload's own hash vouches for it.
 *
 * One encoder makes both what is sent and what is signed, so the two cannot differ.
 */
#ifndef MIRROR_SIGV4_H
#define MIRROR_SIGV4_H

#include "base/buf.h"

/* Views; token is empty for long-lived keys. */
struct sigv4_credentials {
    struct str access_key;
    struct str secret_key;
    struct str token;
};

/* As it is meant, not encoded. */
struct sigv4_pair {
    struct str name;
    struct str value;
};

#define SIGV4_PAIRS_MAX 16 /* of a query, and of headers with the four that are always there */

struct sigv4_request {
    struct str method;
    struct str host;                /* with the port where it is not the scheme's own */
    struct str path;                /* begins with '/' */
    const struct sigv4_pair *query; /* in any order */
    size_t n_query;
    const struct sigv4_pair *headers; /* further ones to be signed: names in lower case, in any
                                       * order; not host and none of what sigv4_sign() makes */
    size_t n_headers;
    struct str payload; /* lower-case hex of its SHA-256; SIGV4_UNSIGNED */
    struct str region;
    int64_t now; /* seconds since 1970 */
};

/* For a payload whose hash is not known beforehand: the server then takes whatever comes. */
#define SIGV4_UNSIGNED STR("UNSIGNED-PAYLOAD")

/* The hash of an empty payload. */
#define SIGV4_EMPTY STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

/* What is to be sent beside the request's own headers: the values of x-amz-date and Authorization
 * (terminated), x-amz-content-sha256 (the payload as above) and, if there is a token,
 * x-amz-security-token. */
struct sigv4_signature {
    char date[17];
    char authorization[1024];
};

/* Appends path and query as they are to be sent. */
void sigv4_target(struct buf *out, const struct sigv4_request *request);

/* False: the request is too large to be signed (16 KiB), or there are too many pairs. */
bool sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials,
                struct sigv4_signature *out);

#endif
