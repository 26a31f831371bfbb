/*
 * Variables, for logs and for the location that asks stores.
 *
 *   $archeio_reason    the step of the decision, "R12" or "route"
 *   $archeio_route     whose conditions held
 *   $archeio_store     the store that the client was sent to
 *   $archeio_cloud     the client's
 *   $archeio_region
 *   $archeio_question  in a subrequest of archeio's: the URL of the HEAD
 *
 * What does not apply is not found, which logs show as "-".
 */
#ifndef VARIABLE_H
#define VARIABLE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* Before the configuration is read. */
ngx_int_t variable_add(ngx_conf_t *cf);

#endif
