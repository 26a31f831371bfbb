/*
 * An upload in parts ("Uploading and copying objects using multipart upload", Amazon S3 user
 * guide), which a later run goes on with.
 *
 * The server keeps an MD5 of each part, mostly (its ETag). What is read from the source is hashed
 * in passing: a part that is there and has the same MD5 is not sent again. One that has another
 * makes the whole upload worthless, because its bytes have been read and are gone: it is given up,
 * and the next attempt starts afresh. A part that is sent is checked against its ETag, too.
 *
 * Nothing of it can be seen under the key before the last step, which only comes when all bytes
 * have been handed over.
 */
#ifndef MIRROR_S3_PARTS_H
#define MIRROR_S3_PARTS_H

#include "mirror/s3_put.h"

/* For an object of so many bytes. NULL: no memory. */
struct s3_parts *s3_parts_new(const struct s3 *s, int64_t size);
void s3_parts_free(struct s3_parts *parts);

/* The first step. */
enum s3_put_next s3_parts_begin(struct s3_put *p);

#endif
