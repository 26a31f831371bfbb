/*
 * What a registry path asks for: OCI distribution specification, "Endpoints". Only the shape is
 * looked at; whether a name or tag is valid is for the upstream to say.
 */
#ifndef OCI_PATH_H
#define OCI_PATH_H

#include <archeio/str.h>

enum path_kind {
    PATH_OTHER,     /* uploads and all else: for the upstream to answer */
    PATH_MANIFEST,  /* <name>/manifests/<reference> */
    PATH_BLOB,      /* <name>/blobs/<reference with a ':'>: R9's shape */
    PATH_TAGS,      /* <name>/tags/list */
    PATH_REFERRERS, /* <name>/referrers/<digest> */
    PATH_SIGNATURE, /* PATH_MANIFEST by a cosign tag: told apart by path_is_signature_tag() only */
};

struct path {
    enum path_kind kind;
    struct str repository; /* <name>; empty for PATH_OTHER */
    struct str reference;  /* the last segment; empty for PATH_OTHER */
};

/* below: a normalised, safe path without its leading "/v2/". */
struct path path_parse(struct str below);

/* Is this tag one that cosign gives to signatures, attestations and SBOMs: "sha256-<64 lower-case
 * hex>" and ".sig", ".att" or ".sbom"? (cosign specification, SIGNATURE_SPEC.md) */
bool path_is_signature_tag(struct str reference);

#endif
