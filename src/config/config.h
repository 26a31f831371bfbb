/*
 * The effective configuration: built-in default or preset, then the file, then the environment.
 *
 * Which settings there are, with type, range, default, reload behaviour and help, stands in one
 * table ("config/schema.h"), from which the reader, `archeio config`, the manual pages, the sample
 * file and the README's table are made.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "sys/diag.h"
#include <archeio/client.h>
#include <archeio/prefix.h>
#include <stdint.h>

enum config_source { CONFIG_DEFAULT, CONFIG_PRESET, CONFIG_FILE, CONFIG_ENVIRONMENT };

struct config_origin {
    enum config_source source;
    const char *name; /* the file, or the variable; static or owned by the configuration */
    unsigned line;    /* in the file; 0 otherwise */
    unsigned column;
};

struct config_prefixes {
    struct prefix *prefix; /* without host bits */
    size_t n;
};

/* PEM files, as written. Whether they can be read and fit together is not known yet. */
struct config_certificate {
    char *certificate; /* the chain, the server's own first */
    char *key;
    struct config_origin certificate_origin;
    struct config_origin key_origin;
};

/* Bits: what a listener speaks. */
enum config_protocol { CONFIG_PROTOCOL_HTTP1 = 1, CONFIG_PROTOCOL_H2 = 2 };

struct config_listen {
    char *address;                          /* as written: "[::]:8080" */
    struct config_certificate *certificate; /* in the file's order: the first is the one for clients
                                             * without SNI, or with a name that none has */
    size_t n_certificates;                  /* 0: in clear */
    unsigned protocols;                     /* enum config_protocol; never 0 */
    struct config_prefixes proxy_protocol;  /* peers that must begin with a PROXY header; n is 0:
                                             * nobody may */
    struct config_origin origin;
};

struct config_place {
    char *cloud;  /* "" and "": default */
    char *region; /* "": the whole cloud */
    struct config_origin origin;
};

struct config_store {
    char *name;
    char *url; /* without a trailing slash */
    struct config_place *serves;
    size_t n_serves;
    bool index; /* what geranos publishes there of its contents is believed */
    struct config_origin origin;
};

/* A registry that routes may name, beside the one of `upstream`. */
struct config_named_upstream {
    char *name;
    char *endpoint; /* without a trailing slash */
    char *path;     /* without slashes around it; may be empty */
    struct config_origin origin;
};

struct config_texts {
    char **text;
    struct config_origin *origin; /* of each */
    size_t n;
};

struct config_numbers {
    uint32_t *number;
    size_t n;
};

struct config_provider {
    char *name;
    struct config_texts clouds;
    struct config_numbers asns;
    struct config_origin origin;
};

/* A field of the request; one of its values must be there. One that ends in '*' stands for all that
 * begins so. */
struct config_field {
    char *name; /* in lower case */
    struct config_texts values;
    struct config_origin origin;
};

struct config_when {
    struct config_texts clouds;
    struct config_texts regions;
    struct config_texts providers;
    struct config_numbers asns;
    struct config_prefixes networks;
    struct config_texts hosts; /* in lower case */
    struct config_texts paths; /* patterns */
    struct config_texts repositories;
    unsigned kinds;   /* bits, 1 << enum path_kind; 0: all */
    unsigned methods; /* bits, 1 << enum decide_method; 0: all */
    struct config_field *fields;
    size_t n_fields;
    uint32_t share; /* hundredths of a percent; 10000: all */
};

/* Where a route leads. */
struct config_target {
    char *name; /* of a store or an upstream, or TO_STORES; NULL: not to one */
    char *url;  /* without a trailing slash; NULL: not to one */
    char *body; /* of a fixed answer; NULL: it is none */
    unsigned status;
    struct config_origin origin;
};

struct config_route {
    char *name;
    struct config_when when;
    char *strip; /* NULL: not given */
    struct config_target *to;
    size_t n_to;
    struct config_origin origin;
};

enum config_confine { CONFIG_CONFINE_OFF, CONFIG_CONFINE_AUTO };

struct config_server {
    struct config_listen *listen;
    size_t n_listen;
    char *admin;           /* "": off */
    bool admin_is_default; /* if the address is taken: a warning, not an error */
    char *decide;          /* listener of the decision endpoint; "": none */
    uint32_t workers;      /* 0: auto */
    enum client_mode client_address;
    struct config_prefixes trusted_proxies;
    int64_t header_timeout; /* nanoseconds, as all durations here */
    int64_t idle_timeout;
    int64_t write_timeout;
    int64_t shutdown_delay;
    int64_t drain_timeout;
    uint64_t max_connections;            /* 0: what the descriptor limit allows */
    uint64_t max_connections_per_client; /* 0: no such bound */
    char *user;                          /* "": whom privileges.h says */
    uint32_t confine;                    /* enum config_confine */
};

struct config_rate_limit {
    uint64_t rate;  /* requests an hour; 0: off */
    uint32_t burst; /* requests at once, at least 1 */
    struct config_prefixes exempt;
    uint64_t memory; /* bytes */
};

struct config_log {
    char *access; /* "off", "stdout", or a file */
    int level;    /* enum log_level */
};

struct config_upstream {
    char *endpoint;
    char *path; /* without slashes around it */
    struct config_place *blobs_for;
    size_t n_blobs_for;
};

struct config_ranges {
    char *directory;
    int64_t refresh;     /* 0: never */
    unsigned max_shrink; /* percent */
};

struct config_existence {
    int64_t present_ttl;
    int64_t absent_ttl;
    int64_t error_ttl;
    int64_t wait;
    uint64_t memory; /* bytes */
    int64_t index_refresh;
    int64_t index_max_age;
    uint64_t index_memory; /* bytes */
};

struct config {
    struct config_server server;
    struct config_rate_limit rate_limit;
    struct config_log log;
    char *info_page;
    char *privacy_page;
    struct config_upstream upstream;
    char *signature_endpoint; /* "": none */
    struct config_ranges ranges;
    struct config_store *stores;
    size_t n_stores;
    struct config_named_upstream *upstreams;
    size_t n_upstreams;
    struct config_provider *providers;
    size_t n_providers;
    struct config_route *routes;
    size_t n_routes;
    struct config_existence existence;
    struct config_origin *origins; /* one per row of the schema, in its order */
    char *file;                    /* its name, for the origins; "": there was none */
};

/* Reads file (NULL: none, the preset applies) and the environment (NULL-terminated "NAME=value"
 * strings, as environ). Every error found goes to d; returns NULL if there was one. Warnings go
 * there, too. */
struct config *config_load(const char *file, char *const *environment, struct diag *d);

/* As config_load(), from memory; name stands in messages. */
struct config *config_parse(const char *name, const char *text, size_t len,
                            char *const *environment, struct diag *d);

void config_free(struct config *c);

/* Where something, or a setting ("server.listen"), was said, if that was in a file. */
struct diag_at config_at(const struct config_origin *o);
struct diag_at config_setting_at(const struct config *c, const char *setting);

#endif
