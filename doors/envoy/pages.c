#include "memory.h"

#include <stdint.h>

void *memory_pages(size_t size)
{
    size_t before = __builtin_wasm_memory_grow(0, (size + MEMORY_PAGE - 1) / MEMORY_PAGE);
    return before != SIZE_MAX ? (void *)(before * MEMORY_PAGE) : NULL;
}
