/*
 * A bucket of S3, or of what speaks its protocol, as a store:
 *
 *   s3://BUCKET[/PREFIX][?region=R&endpoint=URL&path-style=true&profile=P
 *                         &parts-above=1GiB&part-size=64MiB]
 *
 * Every key is put behind PREFIX and a slash. The server is told the SHA-256 of what it gets and
 * refuses anything else; `If-None-Match: *` keeps it from replacing what is there. What is larger
 * than one PUT should be goes up in parts, and a later run goes on from those that are there.
 */
#ifndef MIRROR_S3_H
#define MIRROR_S3_H

#include "mirror/credentials.h"
#include "mirror/store_kind.h"

#include <stdatomic.h>

extern const struct store_kind s3_kind;

#define S3_BUCKET_MAX 63
#define S3_PART_LEAST (5LL << 20)
#define S3_PART_MOST (5LL << 30)
#define S3_PARTS_MAX 10000

/* Private to the files s3*.c. */
struct s3 {
    char name[STORE_KIND_NAME_MAX]; /* "s3://bucket/prefix" */
    char *bucket;
    char *prefix; /* with its slash; "" if there is none */
    char *region;
    char *base; /* "https://host:port" */
    char *path; /* the endpoint's own, and "/bucket" where that is not in the host's name */
    char *host; /* as in the request's Host */
    struct credentials *credentials;
    int64_t part_size;
    int64_t parts_above;       /* larger objects go up in parts */
    atomic_llong ahead;        /* seconds that the server's clock is before ours */
    atomic_bool unconditional; /* it does not know If-None-Match */
};

#endif
