/*
 * Reading a snapshot: the file that `archeio compile` writes.
 */
#ifndef LOAD_H
#define LOAD_H

#include "conf.h"

/* Reads it into memory that lives as long as the configuration, and checks all of it; a file that
 * was read for the same configuration before is not read again. NULL: what is wrong was logged. */
struct conf_policy *load_policy(ngx_conf_t *cf, ngx_str_t file);

#endif
