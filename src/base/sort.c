#include "base/sort.h"

#include <string.h>

/* Sorted items up to the middle, and sorted items behind it. */
struct halves {
    const char *left;
    const char *middle;
    const char *end;
};

static void merge(struct halves from, char *to, size_t size, sort_order *order)
{
    const char *right = from.middle;
    for (; from.left < from.middle || right < from.end; to += size) {
        const char **next =
            right == from.end || (from.left < from.middle && order(from.left, right) <= 0)
                ? &from.left
                : &right;
        memcpy(to, *next, size);
        *next += size;
    }
}

void *sort_merge(void *items, void *spare, size_t n, size_t size, sort_order *order)
{
    char *from = items, *to = spare;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t middle = n - i > width ? i + width : n;
            size_t end = n - middle > width ? middle + width : n;
            const struct halves halves = {from + i * size, from + middle * size, from + end * size};
            merge(halves, to + i * size, size, order);
        }
        char *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}
