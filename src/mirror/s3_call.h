/*
 * One signed request to a bucket, and what its answer means.
 */
#ifndef MIRROR_S3_CALL_H
#define MIRROR_S3_CALL_H

#include "mirror/s3.h"
#include "mirror/s3_answer.h"
#include "mirror/sigv4.h"

#define S3_CALL_FIELDS_MAX 12

/* What to ask. Views that live until s3_call_begin() returns, but body, which stays. */
struct s3_call_want {
    const char *method;
    struct str key;                 /* empty: the bucket */
    const struct sigv4_pair *query; /* not encoded */
    size_t n_query;
    const struct sigv4_pair *headers; /* to be signed, too; names in lower case */
    size_t n_headers;
    struct str payload; /* as sigv4_request has it; empty: the body below, which is hashed */
    struct str body;    /* what goes, unless read is set */
    size_t max_bytes;   /* of what comes and is collected */
    bool patient;       /* it takes its time */

    enum exchange_flow (*write)(void *owner, const char *data, size_t len);
    enum exchange_flow (*read)(void *owner, char *data, size_t *len);
    int64_t size; /* of what is read */
    void *owner;
};

struct s3_call { /* all zero: there is none */
    struct s3 *s3;
    struct exchange *x;
    struct exchange_request request;
    struct exchange_field fields[S3_CALL_FIELDS_MAX];
    struct credentials_keys keys;
    int64_t signed_at; /* seconds since 1970, by the server's clock */
    char *memory;      /* of URL and fields */
    struct str body;   /* what is left to be sent */
};

/* It stays where it is until s3_call_end(). False: *out says why there is none. */
bool s3_call_begin(struct s3_call *call, struct s3 *s, struct exchange_client *c,
                   const struct s3_call_want *want, struct store_outcome *out);

/* The same, and waits for the answer. */
bool s3_call_run(struct s3_call *call, struct s3 *s, struct exchange_client *c,
                 const struct s3_call_want *want, struct store_outcome *out);

/* Wipes and releases; one that is not done is broken off. */
void s3_call_end(struct s3_call *call);

/* The delay of a request that is like others: no listing, and with no large body, which takes its
 * time to be stored. 0: it is another. */
int64_t s3_call_delay(const struct s3_call *call);

/* What the answer comes to: 2xx is OK, 404 MISSING, 304 and 412 THERE. */
void s3_call_outcome(struct s3_call *call, struct store_outcome *out);

/* What an answer of 2xx that holds an Error comes to. */
void s3_call_refusal(struct s3_call *call, struct store_outcome *out);

/* The value of x-amz-checksum-sha256. */
#define S3_CALL_CHECKSUM_MAX 45
void s3_call_checksum(const uint8_t hash[32], char out[S3_CALL_CHECKSUM_MAX]);

/* What came; empty if nothing did. */
struct str s3_call_body(const struct s3_call *call);

#endif
