#include "mirror/answer_json.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define KEPT (1 << 20)   /* bytes that stay between two trees */
#define LARGE (64 << 10) /* bytes of a block */

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Where small blocks of a tree lie: none is given back before all are. malloc() would keep them, in
 * an arena of each thread's own. */
static char *memory;
static size_t used;  /* by who holds the lock, as what follows */
static size_t large; /* bytes of other blocks, while the tree grows */
static bool refused;
static _Thread_local bool growing; /* this thread takes from there */

static void *take_large(size_t size)
{
    void *block = malloc(size);
    large += block != NULL ? size : 0;
    return block;
}

static void *take(size_t size)
{
    if (!growing)
        return malloc(size);
    refused = size > ANSWER_JSON_TREE_MAX || size + 15 > ANSWER_JSON_TREE_MAX - used - large;
    if (refused)
        return NULL;
    if (size >= LARGE)
        return take_large(size);
    size_t whole = (size + 15) & ~(size_t)15;
    used += whole;
    return memory + used - whole;
}

static void give(void *block)
{
    uintptr_t at = (uintptr_t)block, begin = (uintptr_t)memory;
    if (memory != NULL && at >= begin && at < begin + ANSWER_JSON_TREE_MAX)
        return;
    if (growing) {
        size_t size = malloc_usable_size(block);
        large -= size < large ? size : large;
    }
    free(block);
}

void answer_json_open(void)
{
    memory = mmap(NULL, ANSWER_JSON_TREE_MAX, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        memory = NULL; /* then without a bound */
    json_set_alloc_funcs(take, give);
}

/* Small ones are so many that giving the memory back each time would cost more than it is. */
static void let_go(void)
{
    OPENSSL_cleanse(memory, used < KEPT ? used : KEPT); /* a token may have been in it */
    if (used > KEPT)
        madvise(memory + KEPT, ANSWER_JSON_TREE_MAX - KEPT, MADV_DONTNEED);
    used = 0;
    pthread_mutex_unlock(&one_at_a_time);
}

json_t *answer_json_read(const char *text, size_t len, size_t flags, char why[160])
{
    json_error_t problem;
    pthread_mutex_lock(&one_at_a_time);
    growing = memory != NULL;
    refused = false;
    large = 0;
    json_t *root = json_loadb(text, len, flags, &problem);
    growing = false;
    if (root != NULL)
        return root;
    if (refused)
        snprintf(why, 160, "too much JSON: it would take more than %d MiB of memory",
                 ANSWER_JSON_TREE_MAX >> 20);
    else
        snprintf(why, 160, "no JSON: %.140s", problem.text);
    let_go();
    return NULL;
}

void answer_json_done(json_t *root)
{
    if (root == NULL)
        return;
    json_decref(root);
    let_go();
}
