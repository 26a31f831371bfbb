#include "sys/xalloc.h"

#include "sys/log.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        log_error("out of memory");
        exit(EXIT_FAILURE);
    }
    return memory;
}

void *xalloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *xalloc_zero(size_t n, size_t size)
{
    return checked(calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

char *xalloc_copy(const char *data, size_t len)
{
    char *copy = len < SIZE_MAX ? xalloc(len + 1) : checked(NULL);
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

char *xalloc_text(const char *z)
{
    return checked(strdup(z));
}

char *xalloc_format(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    return checked(n < 0 ? NULL : text);
}

void *xalloc_grow(void *array, size_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    return checked(reallocarray(array, n > 0 ? n * 2 : 1, size));
}
