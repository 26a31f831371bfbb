/*
 * The environment, where a variable that is empty counts as one that is not set.
 */
#ifndef SYS_ENV_H
#define SYS_ENV_H

#include <stdlib.h>

/* NULL: it says nothing. */
static inline const char *env_text(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

#endif
