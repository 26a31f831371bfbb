#include "sys/blocks.h"

#include "sys/sanitized.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STEP 32
#define SMALL (35 * STEP) /* from here on in larger steps */
#define LARGE_STEP 1024

/* What stands before the bytes of a block. */
struct block {
    size_t size; /* with this */
    struct block *next;
};

/* A sanitizer finds what is used after it was given back only if it is freed. */
#define KEPT (SANITIZED_ADDRESS ? 0 : BLOCKS_KEPT)

static struct block *block_of(void *data)
{
    return (struct block *)data - 1;
}

/* A block of as many bytes, this with it, can be whose next? */
static size_t class_of(size_t size)
{
    return size < SMALL ? size / STEP : SMALL / STEP - 1 + size / LARGE_STEP;
}

void *blocks_take(struct blocks *b, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block) - LARGE_STEP)
        return NULL;
    size += sizeof(struct block);
    size_t step = size <= SMALL - STEP ? STEP : LARGE_STEP;
    size = (size + step - 1) / step * step;
    size_t class = class_of(size);
    struct block *block = b != NULL && class < BLOCKS_CLASSES ? b->kept[class] : NULL;
    if (block != NULL) {
        b->kept[class] = block->next;
        b->bytes -= size;
    } else {
        block = malloc(size);
        if (block == NULL)
            return NULL;
        block->size = size;
    }
    return block + 1;
}

void blocks_give(struct blocks *b, void *data)
{
    if (data == NULL)
        return;
    struct block *block = block_of(data);
    size_t class = class_of(block->size);
    if (b == NULL || class >= BLOCKS_CLASSES || b->bytes + block->size > KEPT) {
        free(block);
        return;
    }
    block->next = b->kept[class];
    b->kept[class] = block;
    b->bytes += block->size;
}

void *blocks_resize(struct blocks *b, void *data, size_t size)
{
    size_t old = data != NULL ? block_of(data)->size - sizeof(struct block) : 0;
    if (data != NULL && size <= old && size > 0)
        return data;
    void *moved = blocks_take(b, size);
    if (moved != NULL && data != NULL) {
        memcpy(moved, data, old < size ? old : size);
        blocks_give(b, data);
    }
    return moved;
}

void blocks_release(struct blocks *b)
{
    for (size_t i = 0; i < BLOCKS_CLASSES; i++) {
        while (b->kept[i] != NULL) {
            struct block *next = b->kept[i]->next;
            free(b->kept[i]);
            b->kept[i] = next;
        }
    }
    b->bytes = 0;
}
