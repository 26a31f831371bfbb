/*
 * What S3 answers, read from its XML ("Amazon S3 API reference"). What does not fit is refused;
 * what is not needed is passed over.
 */
#ifndef MIRROR_S3_ANSWER_H
#define MIRROR_S3_ANSWER_H

#include <archeio/str.h>
#include <stdint.h>

#define S3_ANSWER_KEY_MAX 1024
#define S3_ANSWER_TOKEN_MAX 2048
#define S3_ANSWER_UPLOAD_MAX 1024
#define S3_ANSWER_ETAG_MAX 128
#define S3_ANSWER_PAGE_MAX 1000       /* entries of one response */
#define S3_ANSWER_BYTES_MAX (4 << 20) /* a thousand of the longest keys, escaped */

/* Error: printable ASCII, cut where too long; "" where there is none. */
struct s3_answer_error {
    char code[64];
    char message[160];
    char region[64]; /* the one that would be right */
};

void s3_answer_error(struct str document, struct s3_answer_error *out);

/* ListObjectsV2, one page: each key as it is meant, with its size; false from `each` ends it. */
struct s3_answer_list {
    bool more;
    bool ended;                      /* by each */
    char token[S3_ANSWER_TOKEN_MAX]; /* of the next page */
};

bool s3_answer_list(struct str document, bool (*each)(void *owner, struct str key, int64_t size),
                    void *owner, struct s3_answer_list *out, const char **why);

/* ListMultipartUploads, one page, asked for without encoding-type: radosgw encodes keys then, and
 * does not say so. */
struct s3_answer_upload {
    const char *key; /* as it is meant */
    const char *id;
    int64_t initiated; /* seconds since 1970; 0: not said */
};

struct s3_answer_uploads {
    bool more;
    char key_marker[S3_ANSWER_KEY_MAX + 1]; /* of the next page */
    char id_marker[S3_ANSWER_UPLOAD_MAX];
};

bool s3_answer_uploads(struct str document,
                       void (*each)(void *owner, const struct s3_answer_upload *upload),
                       void *owner, struct s3_answer_uploads *out, const char **why);

/* ListParts, one page. */
struct s3_answer_part {
    unsigned number;
    int64_t size;
    const char *etag; /* without its quotes */
};

struct s3_answer_parts {
    bool more;
    unsigned marker; /* of the next page */
};

bool s3_answer_parts(struct str document,
                     void (*each)(void *owner, const struct s3_answer_part *part), void *owner,
                     struct s3_answer_parts *out, const char **why);

/* CreateMultipartUpload. */
bool s3_answer_created(struct str document, char id[S3_ANSWER_UPLOAD_MAX], const char **why);

/* CompleteMultipartUpload: false if what came with 200 is no result, but perhaps an Error. */
bool s3_answer_completed(struct str document);

/* What is left of an ETag without its quotes; false: it does not fit. */
bool s3_answer_etag(struct str text, char out[S3_ANSWER_ETAG_MAX]);

#endif
