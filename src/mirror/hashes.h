/*
 * The hashes that blobs, manifests and requests are verified and signed with.
 */
#ifndef MIRROR_HASHES_H
#define MIRROR_HASHES_H

#include <stdbool.h>

/* Before everything else in mirror/, while there is one thread. OpenSSL opens itself when it is
 * first asked for something, and crashes later on if it could not have some of the memory for that.
 * False: there was not enough. */
bool hashes_open(void);

#endif
