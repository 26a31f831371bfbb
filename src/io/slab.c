#include "io/slab.h"

#include "sys/memory.h"
#include <string.h>

#define LINE 64          /* a cache line: items do not share one */
#define MUCH (4UL << 20) /* bytes: what less costs to be touched again is more than it is worth */

bool slab_open(struct slab *s, size_t item, size_t count)
{
    item = (item + LINE - 1) / LINE * LINE;
    void *memory = memory_reserve(item * count);
    if (memory == NULL)
        return false;
    *s = (struct slab){.memory = memory, .item = item, .count = count};
    return true;
}

void slab_close(struct slab *s)
{
    memory_release(s->memory, s->item * s->count);
    *s = (struct slab){0};
}

void *slab_take(struct slab *s)
{
    void *item = s->free;
    if (item != NULL)
        memcpy(&s->free, item, sizeof(s->free));
    else if (s->fresh < s->count)
        item = s->memory + s->item * s->fresh++;
    else
        return NULL;
    s->used++;
    return item;
}

void slab_give(struct slab *s, void *item)
{
    memcpy(item, &s->free, sizeof(s->free));
    s->free = item;
    s->used--;
    if (s->used == 0 && s->fresh * s->item >= MUCH) {
        memory_forget(s->memory, s->fresh * s->item);
        s->free = NULL;
        s->fresh = 0;
    }
}
