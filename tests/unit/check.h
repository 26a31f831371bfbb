/*
 * What every unit test includes: cmocka and what it needs, string views and addresses.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <archeio/addr.h>
#include <cmocka.h>
#include <stdio.h>

#define check_str(got, want) check_str_at(got, want, __FILE__, __LINE__)

static inline void check_str_at(struct str got, const char *want, const char *file, int line)
{
    if (!str_eq(got, str_from(want))) {
        print_error("got \"%.*s\", want \"%s\"\n", (int)got.len, got.data, want);
        _fail(file, line);
    }
}

/* The address that text is. */
static inline struct addr check_addr(const char *text)
{
    struct addr a;
    if (!addr_parse(str_from(text), &a))
        fail_msg("%s is no address", text);
    return a;
}

#endif
