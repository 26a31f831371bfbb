/*
 * Names of hosts, repositories and tags, as they may come from anywhere: OCI distribution
 * specification, "Pulling manifests"; RFC 3986 section 3.2.2. What fits has no character that means
 * something in a path or a query, and no segment that leads elsewhere.
 */
#ifndef MIRROR_NAMES_H
#define MIRROR_NAMES_H

#include <archeio/str.h>

#define NAMES_REPOSITORY_MAX 255
#define NAMES_TAG_MAX 128

/* "registry.example.com:5000", "[::1]:5000" */
bool names_host_valid(struct str host);

/* "library/debian": segments of letters, digits, '.', '_' and '-' that begin and end with a letter
 * or digit. Capitals, which the specification lacks, are let through: some registries have them. */
bool names_repository_valid(struct str name);

bool names_tag_valid(struct str tag);

#endif
