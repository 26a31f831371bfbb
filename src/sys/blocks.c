#include "sys/blocks.h"

#include "sys/sanitized.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STEP 32

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

void *blocks_take(struct blocks *b, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block) - STEP)
        return NULL;
    size = (size + sizeof(struct block) + STEP - 1) / STEP * STEP;
    bool small = b != NULL && size / STEP < BLOCKS_CLASSES;
    struct block *block = small ? b->kept[size / STEP] : NULL;
    if (block != NULL) {
        b->kept[size / STEP] = block->next;
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
    size_t class = block->size / STEP;
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
