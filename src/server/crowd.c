#include "server/crowd.h"

#include "sys/memory.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define V6_PREFIX 8 /* bytes: a /64 */

struct crowd_entry {
    unsigned char who[V6_PREFIX];
    uint32_t family; /* enum addr_family; ADDR_NONE: nobody */
    uint32_t n;
};

bool crowd_open(struct crowd *c, uint64_t connections)
{
    uint64_t size = 64;
    while (size < 2 * connections)
        size *= 2;
    *c = (struct crowd){.mask = size - 1};
    if (getrandom(&c->seed, sizeof(c->seed), 0) != (ssize_t)sizeof(c->seed) ||
        pthread_mutex_init(&c->lock, NULL) != 0)
        return false;
    c->entry = memory_reserve(size * sizeof(*c->entry));
    return c->entry != NULL;
}

void crowd_close(struct crowd *c)
{
    if (c->entry == NULL)
        return;
    memory_release(c->entry, (c->mask + 1) * sizeof(*c->entry));
    pthread_mutex_destroy(&c->lock);
    *c = (struct crowd){0};
}

static struct crowd_entry entry_of(const struct addr *client)
{
    struct crowd_entry e = {.family = client->family};
    memcpy(e.who, client->bytes, client->family == ADDR_V4 ? 4 : V6_PREFIX);
    return e;
}

static uint64_t home(const struct crowd *c, const struct crowd_entry *e)
{
    return XXH3_64bits_withSeed(e, sizeof(e->who) + sizeof(e->family), c->seed) & c->mask;
}

/* Where a client is, or where it would be. The table is never more than half full. */
static uint64_t find(const struct crowd *c, const struct crowd_entry *e)
{
    uint64_t i = home(c, e);
    while (c->entry[i].family != ADDR_NONE &&
           (c->entry[i].family != e->family || memcmp(c->entry[i].who, e->who, V6_PREFIX) != 0))
        i = (i + 1) & c->mask;
    return i;
}

/* Closes the gap: entries behind it that would no longer be found move up. */
static void take_out(struct crowd *c, uint64_t gap)
{
    for (uint64_t i = (gap + 1) & c->mask; c->entry[i].family != ADDR_NONE; i = (i + 1) & c->mask) {
        uint64_t from_home = (i - home(c, &c->entry[i])) & c->mask;
        if (from_home < ((i - gap) & c->mask))
            continue;
        c->entry[gap] = c->entry[i];
        gap = i;
    }
    c->entry[gap] = (struct crowd_entry){0};
}

bool crowd_enter(struct crowd *c, const struct addr *client, uint64_t most)
{
    struct crowd_entry e = entry_of(client);
    if (client->family == ADDR_NONE)
        return true;
    pthread_mutex_lock(&c->lock);
    struct crowd_entry *at = &c->entry[find(c, &e)];
    bool entered = at->n < most;
    if (entered && at->n == 0)
        *at = e;
    if (entered)
        at->n++;
    pthread_mutex_unlock(&c->lock);
    return entered;
}

void crowd_leave(struct crowd *c, const struct addr *client)
{
    struct crowd_entry e = entry_of(client);
    if (client->family == ADDR_NONE)
        return;
    pthread_mutex_lock(&c->lock);
    uint64_t i = find(c, &e);
    assert(c->entry[i].n > 0);
    if (--c->entry[i].n == 0)
        take_out(c, i);
    pthread_mutex_unlock(&c->lock);
}
