#include "slots.h"

#include "abi.h"
#include "base/buf.h"
#include "memory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Its name changes with the format: shared data outlives the module that wrote it. */
#define NAME "archeio1"
#define SEED STR(NAME " seed")
#define TRIES 3 /* of a change, where other threads change the same slot */

enum { PRESENT, ABSENT }; /* parts of the slots */

struct entry {
    int64_t expiry;
    uint16_t len;
    uint8_t state;
    uint8_t unused[5]; /* 0 */
};

struct slot {
    char name[sizeof(NAME) + 4]; /* part, and number */
    struct str entries;          /* struct entry, then its key; the newest first */
    uint32_t cas;
};

struct slots slots_open(uint32_t n)
{
    struct slots s = {.n = n};
    const struct str name = SEED;
    char *data;
    size_t size;
    uint32_t cas;
    if (abi_get_shared(name.data, name.len, &data, &size, &cas) != ABI_OK) {
        abi_random(&s.seed, sizeof(s.seed));
        abi_set_shared(name.data, name.len, (const char *)&s.seed, sizeof(s.seed), 0);
    }
    /* Whatever another thread has made of it meanwhile counts. */
    if (abi_get_shared(name.data, name.len, &data, &size, &cas) == ABI_OK && size == sizeof(s.seed))
        memcpy(&s.seed, data, sizeof(s.seed));
    return s;
}

uint64_t slots_hash(const struct slots *s, struct str key)
{
    return XXH3_64bits_withSeed(key.data, key.len, s->seed);
}

static void load(const struct slots *s, unsigned part, struct str key, struct slot *slot)
{
    uint32_t n_absent = s->n / 4, n_present = s->n - n_absent;
    uint32_t number = (uint32_t)(slots_hash(s, key) % (part == PRESENT ? n_present : n_absent));
    memcpy(slot->name, NAME, sizeof(NAME) - 1);
    slot->name[sizeof(NAME) - 1] = (char)part;
    memcpy(slot->name + sizeof(NAME), &number, sizeof(number));
    char *data;
    size_t size;
    slot->cas = 0;
    slot->entries = STR("");
    if (abi_get_shared(slot->name, sizeof(slot->name), &data, &size, &slot->cas) == ABI_OK)
        slot->entries = str_make(data, size);
}

static bool take_entry(struct str *entries, struct entry *entry, struct str *key)
{
    if (entries->len < sizeof(*entry))
        return false;
    memcpy(entry, entries->data, sizeof(*entry));
    if (entry->len > entries->len - sizeof(*entry))
        return false;
    *key = str_make(entries->data + sizeof(*entry), entry->len);
    *entries = str_skip(*entries, sizeof(*entry) + entry->len);
    return true;
}

static bool find_in(const struct slot *slot, struct str key, int64_t now, struct entry *found)
{
    struct str entries = slot->entries, other;
    while (take_entry(&entries, found, &other))
        if (str_eq(key, other))
            return found->expiry > now;
    return false;
}

enum slots_state slots_find(const struct slots *s, struct str key, int64_t now, int64_t *expiry)
{
    for (unsigned part = PRESENT; part <= ABSENT; part++) {
        struct slot slot;
        struct entry found;
        load(s, part, key, &slot);
        if (!find_in(&slot, key, now, &found) || found.state >= SLOTS_MISS)
            continue;
        *expiry = found.expiry;
        return (enum slots_state)found.state;
    }
    return SLOTS_MISS;
}

static void put_entry(struct buf *b, const struct entry *entry, struct str key)
{
    if (sizeof(*entry) + key.len > b->size - b->len)
        return;
    buf_put(b, entry, sizeof(*entry));
    buf_str(b, key);
}

/* The slot without what has expired and what is known of the key, and with the entry in front, if
 * there is one. False: another thread has changed it. */
static bool change(struct slot *slot, struct str key, const struct entry *entry, int64_t now)
{
    char memory[SLOTS_SIZE];
    struct buf b = buf_make(memory, sizeof(memory));
    struct str entries = slot->entries, other;
    struct entry old;
    if (entry != NULL)
        put_entry(&b, entry, key);
    while (take_entry(&entries, &old, &other))
        if (old.expiry > now && !str_eq(key, other))
            put_entry(&b, &old, other);
    return abi_set_shared(slot->name, sizeof(slot->name), b.data, b.len, slot->cas) !=
           ABI_CAS_MISMATCH;
}

static void put_in(const struct slots *s, unsigned part, struct str key, const struct entry *entry,
                   int64_t now)
{
    struct slot slot;
    for (int i = 0; i < TRIES; i++) {
        load(s, part, key, &slot);
        if (change(&slot, key, entry, now))
            return;
    }
}

void slots_put(const struct slots *s, struct str key, enum slots_state state, int64_t expiry,
               int64_t now)
{
    struct slot slot;
    struct entry found;
    const struct entry entry = {
        .expiry = expiry, .len = (uint16_t)key.len, .state = (uint8_t)state};
    if (key.len > SLOTS_KEY_MAX)
        return;
    if (state == SLOTS_PRESENT) {
        put_in(s, PRESENT, key, &entry, now);
        return;
    }
    load(s, PRESENT, key, &slot);
    if (find_in(&slot, key, now, &found)) {
        if (state == SLOTS_ERROR)
            return;
        put_in(s, PRESENT, key, NULL, now);
    }
    load(s, ABSENT, key, &slot);
    if (state == SLOTS_ERROR && find_in(&slot, key, now, &found) && found.state == SLOTS_ABSENT)
        return;
    put_in(s, ABSENT, key, &entry, now);
}
