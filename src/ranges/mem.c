#include "ranges/mem.h"

#include "sys/log.h"
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static void *there(void *p)
{
    if (p == NULL) {
        log_error("out of memory");
        abort();
    }
    return p;
}

void *mem_new(size_t n, size_t size)
{
    return there(calloc(n > 0 ? n : 1, size));
}

void *mem_grow(void *old, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return old;
    *capacity = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
    return there(reallocarray(old, *capacity, size));
}

char *mem_text(struct str s)
{
    char *text = mem_new(s.len + 1, 1);
    if (s.len > 0)
        memcpy(text, s.data, s.len);
    return text;
}
