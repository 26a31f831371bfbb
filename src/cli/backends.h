/*
 * The configuration of the ArtifactServer, one of the first proposals for registry.k8s.io:
 *
 *   backends:
 *     NAME:
 *       host: HOST
 *       pathPrefix: /PREFIX        # may be left out
 *       conditions:                # may be left out; one of them must hold
 *         paths: [/PATH, /BELOW/]
 *         headers: {NAME: VALUE}   # or a list of values
 */
#ifndef CLI_BACKENDS_H
#define CLI_BACKENDS_H

#include "config/config.h"

struct backends_entry {
    char *name;
    char *url;                      /* "https://HOST/PREFIX", without a slash at its end */
    struct config_texts paths;      /* patterns of routes */
    struct config_prefixes clients; /* what X-Real-Ip may say */
    struct config_field *fields;    /* the other headers */
    size_t n_fields;
    struct diag_at at;
};

/* In the file's order. */
struct backends {
    struct backends_entry *entry;
    size_t n;
};

/* False: what is no such file, or cannot be said in routes, is in d, with positions in `file`,
 * which outlives *out. backends_release() it in either case. */
bool backends_read(const char *file, struct str text, struct backends *out, struct diag *d);
void backends_release(struct backends *b);

bool backends_is_conditional(const struct backends_entry *e);

#endif
