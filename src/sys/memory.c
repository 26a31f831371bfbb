#include "sys/memory.h"

#include <sys/mman.h>

void *memory_reserve(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE); /* 2 MiB for the first byte is no page */
    return memory;
}

void memory_forget(void *memory, size_t bytes)
{
    (void)madvise(memory, bytes, MADV_DONTNEED);
}

void memory_release(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}
