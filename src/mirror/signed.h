/*
 * Signed manifests of Docker's schema 1: their digest is that of what was signed, without the
 * signatures that stand in the same text ("Image Manifest Version 2, Schema 1", "Signed Manifests";
 * libtrust's JSON web signatures). The signatures are not verified: nobody knows whose they should
 * be.
 */
#ifndef MIRROR_SIGNED_H
#define MIRROR_SIGNED_H

#include <stdbool.h>
#include <stddef.h>

/* Leaves of a signed manifest what was signed, so that nothing is read that the digest does not
 * cover. data has room for *len + 1 bytes, and is terminated. False: it is no signed manifest, and
 * is as it was. */
bool signed_strip(char *data, size_t *len);

#endif
