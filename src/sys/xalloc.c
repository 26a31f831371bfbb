#include "sys/xalloc.h"

#include "sys/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_MS 50
#define PAUSES 200 /* from one message to the next */

static atomic_bool serving;

void xalloc_serve(void)
{
    atomic_store(&serving, true);
}

/* Returns when it is worth another try; pauses counts them. */
static void wait_for_memory(unsigned *pauses)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    if (!atomic_load(&serving)) {
        log_error("out of memory");
        exit(EXIT_FAILURE);
    }
    if ((*pauses)++ % PAUSES == 0)
        log_error("out of memory: what is being loaded waits until there is some");
    nanosleep(&pause, NULL);
}

/* There is never more than PTRDIFF_MAX, and a sanitizer would end the program that asks for it. */
static void *take(size_t n, size_t size)
{
    return size <= (size_t)PTRDIFF_MAX / n ? calloc(n, size) : NULL;
}

void *xalloc(size_t size)
{
    return xalloc_zero(1, size);
}

void *xalloc_zero(size_t n, size_t size)
{
    void *memory;
    for (unsigned pauses = 0; (memory = take(n > 0 ? n : 1, size > 0 ? size : 1)) == NULL;)
        wait_for_memory(&pauses);
    return memory;
}

char *xalloc_copy(const char *data, size_t len)
{
    char *copy = xalloc(len < SIZE_MAX ? len + 1 : len);
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

char *xalloc_text(const char *z)
{
    return xalloc_copy(z, strlen(z));
}

char *xalloc_format(const char *format, ...)
{
    for (unsigned pauses = 0;; wait_for_memory(&pauses)) {
        char *text;
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n >= 0)
            return text;
    }
}

void *xalloc_grow(void *array, size_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    void *larger;
    for (unsigned pauses = 0; (larger = reallocarray(array, n > 0 ? n * 2 : 1, size)) == NULL;)
        wait_for_memory(&pauses);
    return larger;
}
