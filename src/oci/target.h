/*
 * The request target, normalised once: absolute-form loses its authority, escapes of a pchar
 * (RFC 3986 section 3.3) are decoded, the query is split off and left as it is.
 */
#ifndef OCI_TARGET_H
#define OCI_TARGET_H

#include <archeio/str.h>

struct target {
    struct str path;  /* begins with '/'; into the raw target, or into memory if decoded */
    struct str raw;   /* the path as received */
    struct str query; /* with its '?', as received; empty if there was none */
    bool safe;        /* R7 has nothing against path and query */
};

/* Is the path "/v2", or below it? */
bool target_is_registry(const struct target *t);

/* May path and query, as received, stand in a Location? Any escape may (RFC 3986 section 3.3), but
 * for those of dots in a segment "." or "..", which a client would resolve; a store may, where what
 * ends the segment is an escaped slash or backslash. */
bool target_raw_is_safe(const struct target *t);

/* memory: at least raw.len bytes, used only if something has to be decoded. A target that is
 * neither origin-form nor absolute-form gives path "" and safe false. Whether a path is outside
 * "/v2/" is not looked at here: `safe` is meaningful below it only. */
void target_normalise(struct str raw, char *memory, struct target *out);

#endif
