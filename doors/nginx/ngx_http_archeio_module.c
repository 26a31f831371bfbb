/*
 * The nginx door: what nginx has to be told of it. What the directives mean stands in conf.h, how a
 * request is answered in request.h.
 */
#include "conf.h"
#include "variable.h"

static ngx_command_t commands[] = {
    {ngx_string("archeio_cache"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, conf_set_cache,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL},
    {ngx_string("archeio_snapshot"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, conf_set_snapshot,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("archeio_existence"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE12,
     conf_set_existence, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("archeio"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, conf_set_archeio,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    ngx_null_command,
};

static ngx_http_module_t context = {
    .preconfiguration = variable_add,
    .create_main_conf = conf_create_main,
    .create_loc_conf = conf_create_location,
    .merge_loc_conf = conf_merge_location,
};

ngx_module_t ngx_http_archeio_module = {
    NGX_MODULE_V1,
    .ctx = &context,
    .commands = commands,
    .type = NGX_HTTP_MODULE,
};
