#include "pages.h"

#include <stdint.h>

void *pages_grow(size_t size)
{
    size_t before = __builtin_wasm_memory_grow(0, (size + PAGES_SIZE - 1) / PAGES_SIZE);
    return before != SIZE_MAX ? (void *)(before * PAGES_SIZE) : NULL;
}
