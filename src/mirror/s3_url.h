/*
 * What an s3:// URL says, and what follows from it: where requests go.
 */
#ifndef MIRROR_S3_URL_H
#define MIRROR_S3_URL_H

#include "mirror/s3.h"

/* Fills in all of *s but its clock and what it learns. On false, error says what is wrong, and *s
 * is to be released all the same. */
bool s3_url_read(const struct store_kind_url *url, struct s3 *s, char error[256]);
void s3_url_release(struct s3 *s);

#endif
