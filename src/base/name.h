/*
 * Names that people give: of clouds and regions (in ranges files and in the configuration, which
 * must agree, or a store could serve what no file can name) and of stores.
 */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include <archeio/str.h>

#define NAME_LENGTH_MAX 64 /* bytes */

/* NULL if it is fit, else what was expected (static, reads well after "expected"). */
const char *name_check(struct str name);

#endif
