#include "ranges/arena.h"

#include "sys/memory.h"
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    ALIGN = 16,
    PER_BYTE = 8, /* the published files need 5 bytes for each of theirs */
    AT_LEAST = 64 << 10,
};

static _Thread_local struct {
    unsigned char *memory; /* NULL outside arena_begin() and arena_end() */
    size_t size;
    size_t used;
} arena;

static void *take(size_t n)
{
    size_t room = arena.size - arena.used;
    if (arena.memory == NULL || n > room || room - n < ALIGN)
        return malloc(n);
    void *p = arena.memory + arena.used;
    arena.used += (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return p;
}

static void give_back(void *p)
{
    uintptr_t at = (uintptr_t)p, begin = (uintptr_t)arena.memory;
    if (arena.memory == NULL || at < begin || at >= begin + arena.size)
        free(p);
}

static void install(void)
{
    json_set_alloc_funcs(take, give_back);
}

void arena_begin(size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    size_t size = len * PER_BYTE + AT_LEAST;
    arena.memory = memory_reserve(size);
    arena.size = arena.memory != NULL ? size : 0;
    arena.used = 0;
}

void arena_end(void)
{
    memory_release(arena.memory, arena.size);
    arena.memory = NULL;
    arena.size = 0;
}
