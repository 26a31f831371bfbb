/*
 * What diagnostics say.
 */
#ifndef TESTS_UNIT_SAID_H
#define TESTS_UNIT_SAID_H

#include "check.h"
#include "sys/diag.h"

#include <stdlib.h>
#include <string.h>

/* As it is printed (free() it). */
static inline char *said_by(const struct diag *d)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    diag_print(d, to);
    fclose(to);
    return text;
}

#endif
