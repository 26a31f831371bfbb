/*
 * What an answer that is no success comes to: whether to try again, and what to tell people
 * ("Error responses", Amazon S3 API reference; what others say differs little).
 */
#ifndef MIRROR_S3_FAULT_H
#define MIRROR_S3_FAULT_H

#include "mirror/s3.h"
#include "mirror/s3_answer.h"

struct s3_fault {
    struct s3 *s3;
    const struct credentials_keys *keys; /* that the request was signed with */
    int64_t signed_at;                   /* by the clock that was believed then */
    long status;
    struct s3_answer_error error; /* of the body; a HEAD has none */
    char date[64];                /* the answer's Date; "" if there is none */
    int64_t after;                /* its Retry-After, milliseconds */
};

/* Sets the store's clock by the server's where that is what is wrong, and has its keys renewed
 * where they have expired: the next attempt may then succeed. */
void s3_fault_judge(const struct s3_fault *fault, struct store_outcome *out);

#endif
