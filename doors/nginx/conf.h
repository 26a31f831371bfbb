/*
 * What nginx.conf says of archeio.
 *
 *   archeio_cache zone=NAME:SIZE [present_ttl=6h] [absent_ttl=60s] [error_ttl=5s];    http
 *   archeio_snapshot FILE;                                            http, server, location
 *   archeio_existence URI [wait=2s];                                  http, server, location
 *   archeio;                                                                        location
 *
 * All of it lives as long as the configuration that it was read from: a reload reads everything
 * anew, and what is wrong with it refuses the new configuration.
 */
#ifndef CONF_H
#define CONF_H

#include "shared.h"

#include <archeio/snapshot.h>
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* Objects of a store that are asked for alike. */
struct conf_objects {
    struct shared_store *known; /* NULL: the zone had no room for it, and nobody can be asked */
    ngx_uint_t flights;         /* of this worker; flight.c's */
};

/* A store of a snapshot. Clients make paths up: what they do to those shall be nothing to blobs. */
struct conf_store {
    struct conf_objects blobs;
    struct conf_objects paths; /* those that have one, as routes may ask for */
};

/* A snapshot, read from its file into memory of our own. */
struct conf_policy {
    ngx_str_t file;
    struct snapshot snapshot;
    struct conf_store *store; /* as many as the snapshot has, in its order */
};

struct conf_main {
    ngx_array_t policies; /* struct conf_policy *: each file once */
    ngx_shm_zone_t *zone; /* NULL: there is no archeio_cache */
    struct shared *shared;
    int64_t present_ttl; /* nanoseconds, as what follows */
    int64_t absent_ttl;
    int64_t error_ttl;
};

struct conf_location {
    ngx_flag_t enabled;         /* archeio; stands here */
    struct conf_policy *policy; /* NULL: none; never where enabled */
    ngx_str_t existence;        /* where questions go; empty: nowhere, then no store is named */
    ngx_msec_t wait;            /* how long a client waits for all of its answers */
};

extern ngx_module_t ngx_http_archeio_module;

void *conf_create_main(ngx_conf_t *cf);
void *conf_create_location(ngx_conf_t *cf);
char *conf_merge_location(ngx_conf_t *cf, void *parent, void *child);

/* The directives, by name. */
char *conf_set_cache(ngx_conf_t *cf, ngx_command_t *command, void *conf);
char *conf_set_snapshot(ngx_conf_t *cf, ngx_command_t *command, void *conf);
char *conf_set_existence(ngx_conf_t *cf, ngx_command_t *command, void *conf);
char *conf_set_archeio(ngx_conf_t *cf, ngx_command_t *command, void *conf);

#endif
