/*
 * What a manifest names: OCI image specification 1.1 (manifest.md, image-index.md), Docker's image
 * manifest version 2 schema 2 and manifest list, and schema 1 (signed or not), which only old
 * images still have. Artifacts with a subject and cosign's signatures are manifests like others.
 *
 * Bytes from a registry are not trusted: what does not fit is refused with a reason.
 */
#ifndef MIRROR_MANIFEST_H
#define MIRROR_MANIFEST_H

#include <archeio/digest.h>

#define MANIFEST_MAX (8 << 20)                       /* bytes: registries take 4 MiB at least */
#define MANIFEST_ENTRIES_MAX 10000                   /* of blobs, or of manifests */
#define MANIFEST_BLOB_MAX (INT64_C(10000) * 5 << 30) /* bytes: more fits into no object of S3 */
#define MANIFEST_PLATFORM_MAX 64

/* All media types that are understood. A registry says 404 for what it has under another type. */
#define MANIFEST_ACCEPT                                                                            \
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "        \
    "application/vnd.docker.distribution.manifest.v2+json, "                                       \
    "application/vnd.docker.distribution.manifest.list.v2+json, "                                  \
    "application/vnd.docker.distribution.manifest.v1+prettyjws, "                                  \
    "application/vnd.docker.distribution.manifest.v1+json"

enum manifest_kind {
    MANIFEST_IMAGE, /* names blobs */
    MANIFEST_INDEX, /* names other manifests */
    MANIFEST_SCHEMA1,
};

struct manifest_blob {
    struct digest digest;
    int64_t size; /* -1: not said (schema 1) */
    bool foreign; /* to be had elsewhere, perhaps not from the registry: `urls`, or a type that says
                   * so */
};

struct manifest_child {
    struct digest digest;
    int64_t size;
    char platform[MANIFEST_PLATFORM_MAX]; /* "linux/arm64/v8"; "" if nothing is said */
};

struct manifest {
    enum manifest_kind kind;
    struct manifest_blob *blob; /* config first; each digest once */
    size_t n_blobs;
    struct manifest_child *child;
    size_t n_children;
    struct digest subject; /* size 0: there is none */
};

/* False: error says why. type: the response's Content-Type without parameters, which counts where
 * the manifest does not say itself what it is. */
bool manifest_parse(struct str bytes, struct str type, struct manifest *out, char error[256]);
void manifest_release(struct manifest *m);

#endif
