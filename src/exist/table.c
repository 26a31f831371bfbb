#include "exist/table.h"

#include "sys/clock.h"
#include "sys/memory.h"

#include <string.h>

#define WORDS 30    /* of a bucket's slots */
#define SLOTS_MAX 5 /* SHA-256's */
#define GROUP 16U   /* buckets on a page */
#define TRIES 128   /* then the writer was interrupted in the middle: nobody waits for it */
#define NO_SLOT SLOTS_MAX

struct table_bucket {
    _Atomic uint32_t sequence;
    _Atomic uint16_t tag[SLOTS_MAX + 1]; /* 0: the slot is free */
    _Atomic uint64_t word[WORDS];        /* per slot: digest, expiry, info */
};
_Static_assert(sizeof(struct table_bucket) == 256, "a bucket is four cache lines");

/* The info word. The last use is in seconds, and changes without the sequence: no reader looks. */
#define INFO_STORE 0xffffU
#define INFO_STATE_SHIFT 16
#define INFO_STATE_MASK 0xfU
#define INFO_USED (1U << 20)
#define INFO_LAST_SHIFT 32

static uint64_t info_make(uint32_t store, enum exist_state state, int64_t now)
{
    return store | (uint64_t)state << INFO_STATE_SHIFT |
           (uint64_t)(uint32_t)(now / CLOCK_S) << INFO_LAST_SHIFT;
}

static enum exist_state info_state(uint64_t info)
{
    return (enum exist_state)(info >> INFO_STATE_SHIFT & INFO_STATE_MASK);
}

/* ── Where things are ── */

static inline unsigned slots_of(unsigned digest_size)
{
    return digest_size == 32 ? 5 : 3;
}

static inline unsigned words_of(unsigned digest_size)
{
    return digest_size / 8 + 2;
}

static inline uint32_t bucket_of(const struct table *t, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * t->n_buckets >> 32);
}

static inline uint16_t tag_of(uint64_t hash)
{
    return (uint16_t)(hash | 1);
}

static inline _Atomic uint8_t *mark_of(const struct table *t, unsigned worker, uint32_t bucket,
                                       unsigned slot)
{
    size_t slots = slots_of(t->digest_size);
    return &t->marks[((size_t)worker * t->n_buckets + bucket) * slots + slot];
}

static inline uint64_t relaxed(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* ── Memory: the buckets, the bits of groups, the marks ── */

static size_t bucket_bytes(uint32_t n_buckets)
{
    return (size_t)n_buckets * sizeof(struct table_bucket);
}

static size_t filled_bytes(uint32_t n_buckets)
{
    return (n_buckets / GROUP / 64 + 1) * sizeof(uint64_t);
}

static size_t all_bytes(unsigned digest_size, unsigned workers, uint32_t n_buckets)
{
    return bucket_bytes(n_buckets) + filled_bytes(n_buckets) +
           (size_t)n_buckets * slots_of(digest_size) * workers;
}

/* How many fit, but at least a group. */
static uint32_t buckets_in(unsigned digest_size, unsigned workers, uint64_t memory)
{
    size_t each = sizeof(struct table_bucket) + (size_t)slots_of(digest_size) * workers;
    uint64_t n = memory / each / GROUP * GROUP;
    if (n > UINT32_MAX / SLOTS_MAX)
        n = UINT32_MAX / SLOTS_MAX / GROUP * GROUP;
    while (n > GROUP && all_bytes(digest_size, workers, (uint32_t)n) > memory)
        n -= GROUP;
    return n > GROUP ? (uint32_t)n : GROUP;
}

bool table_place(struct table *t, unsigned digest_size, unsigned workers, void *memory, size_t size)
{
    uint32_t n = buckets_in(digest_size, workers, size);
    size_t bytes = all_bytes(digest_size, workers, n);
    if (memory == NULL || bytes > size)
        return false;
    unsigned char *filled = (unsigned char *)memory + bucket_bytes(n);
    *t = (struct table){
        .bucket = memory,
        .n_buckets = n,
        .digest_size = digest_size,
        .workers = workers,
        .bytes = bytes,
        .filled = (uint64_t *)(void *)filled,
        .marks = (_Atomic uint8_t *)(filled + filled_bytes(n)),
    };
    return true;
}

bool table_open(struct table *t, unsigned digest_size, unsigned workers, uint64_t memory)
{
    uint32_t n = buckets_in(digest_size, workers, memory);
    size_t size = all_bytes(digest_size, workers, n);
    void *reserved = memory_reserve(size);
    *t = (struct table){0};
    return table_place(t, digest_size, workers, reserved, size);
}

void table_close(struct table *t)
{
    memory_release(t->bucket, t->bytes);
    *t = (struct table){0};
}

/* ── Reading ── */

struct found {
    unsigned slot; /* NO_SLOT: none */
    int64_t expiry;
    uint64_t info;
};

static inline bool slot_matches(const struct table_bucket *b, unsigned first, unsigned digest_words,
                                const struct key *key)
{
    for (unsigned i = 0; i < digest_words; i++) {
        uint64_t want;
        memcpy(&want, key->digest.bytes + (size_t)i * 8, 8);
        if (atomic_load_explicit(&b->word[first + i], memory_order_acquire) != want)
            return false;
    }
    uint64_t info = atomic_load_explicit(&b->word[first + digest_words + 1], memory_order_acquire);
    return (info & INFO_STORE) == key->store;
}

/* Inlined with a constant size, so that its loops are unrolled. */
static inline __attribute__((always_inline)) struct found
search(const struct table_bucket *b, const struct key *key, unsigned digest_size)
{
    struct found found = {.slot = NO_SLOT};
    const unsigned words = words_of(digest_size), digest_words = digest_size / 8;
    const uint16_t tag = tag_of(key->hash);
    for (unsigned i = 0; i < slots_of(digest_size); i++) {
        if (atomic_load_explicit(&b->tag[i], memory_order_acquire) != tag ||
            !slot_matches(b, i * words, digest_words, key))
            continue;
        const _Atomic uint64_t *rest = &b->word[i * words + digest_words];
        found.slot = i;
        found.expiry = (int64_t)atomic_load_explicit(&rest[0], memory_order_acquire);
        found.info = atomic_load_explicit(&rest[1], memory_order_acquire);
        break;
    }
    return found;
}

static struct found search_any(const struct table *t, const struct table_bucket *b,
                               const struct key *key)
{
    return t->digest_size == 32 ? search(b, key, 32) : search(b, key, 64);
}

enum exist_state table_find(const struct table *t, unsigned worker, const struct key *key,
                            int64_t now)
{
    uint32_t bucket = bucket_of(t, key->hash);
    const struct table_bucket *b = &t->bucket[bucket];
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t sequence = atomic_load_explicit(&b->sequence, memory_order_acquire);
        if ((sequence & 1) != 0)
            continue;
        struct found found = search_any(t, b, key);
        if (atomic_load_explicit(&b->sequence, memory_order_relaxed) != sequence)
            continue;
        if (found.slot == NO_SLOT || found.expiry <= now)
            return EXIST_MISS;
        if (t->workers > 0) {
            _Atomic uint8_t *mark = mark_of(t, worker, bucket, found.slot);
            if (atomic_load_explicit(mark, memory_order_relaxed) == 0)
                atomic_store_explicit(mark, 1, memory_order_relaxed);
        }
        return info_state(found.info);
    }
    return EXIST_MISS;
}

enum exist_state table_peek(const struct table *t, const struct key *key, int64_t now)
{
    const struct table_bucket *b = &t->bucket[bucket_of(t, key->hash)];
    struct found found = search_any(t, b, key);
    bool whole = (atomic_load_explicit(&b->sequence, memory_order_relaxed) & 1) == 0;
    return found.slot == NO_SLOT || found.expiry <= now || !whole ? EXIST_MISS
                                                                  : info_state(found.info);
}

/* ── Writing ── */

/* One slot, for the writer. */
struct place {
    struct table *table;
    struct table_bucket *b;
    uint32_t bucket;
    unsigned slot;
    _Atomic uint64_t *digest;
    _Atomic uint64_t *expiry;
    _Atomic uint64_t *info;
};

static struct place place_at(struct table *t, uint32_t bucket, unsigned slot)
{
    unsigned digest_words = t->digest_size / 8;
    struct table_bucket *b = &t->bucket[bucket];
    _Atomic uint64_t *word = &b->word[slot * words_of(t->digest_size)];
    return (struct place){t, b, bucket, slot, word, word + digest_words, word + digest_words + 1};
}

/* Odd already: a writer, a process, was killed in the middle. What it left may be half of a key. */
static void begin_write(struct table_bucket *b)
{
    uint32_t sequence = atomic_load_explicit(&b->sequence, memory_order_relaxed);
    if ((sequence & 1) != 0)
        for (unsigned i = 0; i < SLOTS_MAX; i++)
            atomic_store_explicit(&b->tag[i], 0, memory_order_release);
    atomic_store_explicit(&b->sequence, sequence | 1, memory_order_relaxed);
}

static void end_write(struct table_bucket *b)
{
    uint32_t sequence = atomic_load_explicit(&b->sequence, memory_order_relaxed);
    atomic_store_explicit(&b->sequence, sequence + 1, memory_order_release);
}

static void store_word(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

static bool is_free(const struct place *p)
{
    return atomic_load_explicit(&p->b->tag[p->slot], memory_order_relaxed) == 0;
}

static void clear_marks(const struct place *p)
{
    for (unsigned w = 0; w < p->table->workers; w++)
        atomic_store_explicit(mark_of(p->table, w, p->bucket, p->slot), 0, memory_order_relaxed);
}

/* Moves what the workers have marked into the slot: now is then its last use. */
static void collect_marks(const struct place *p, int64_t now)
{
    bool marked = false;
    for (unsigned w = 0; w < p->table->workers; w++) {
        _Atomic uint8_t *mark = mark_of(p->table, w, p->bucket, p->slot);
        if (atomic_load_explicit(mark, memory_order_relaxed) == 0)
            continue;
        atomic_store_explicit(mark, 0, memory_order_relaxed);
        marked = true;
    }
    if (!marked)
        return;
    uint64_t info = relaxed(p->info) & (INFO_STORE | INFO_STATE_MASK << INFO_STATE_SHIFT);
    store_word(p->info, info | info_make(0, (enum exist_state)0, now) | INFO_USED);
}

static void clear_slot(const struct place *p)
{
    begin_write(p->b);
    atomic_store_explicit(&p->b->tag[p->slot], 0, memory_order_release);
    end_write(p->b);
    atomic_fetch_sub_explicit(&p->table->entries, 1, memory_order_relaxed);
}

/* Grows with the last use; in the same second, what was used is worth more than what was put. */
static uint64_t rank(const struct place *p)
{
    uint64_t info = relaxed(p->info);
    return info >> INFO_LAST_SHIFT << 1 | ((info & INFO_USED) != 0);
}

/* The slot for a new entry: free, expired, or used least recently. */
static struct place make_room(struct table *t, uint32_t bucket, int64_t now)
{
    struct place best = {0};
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < slots_of(t->digest_size); i++) {
        struct place p = place_at(t, bucket, i);
        if (is_free(&p))
            return p;
        if ((int64_t)relaxed(p.expiry) <= now) {
            clear_slot(&p);
            return p;
        }
        collect_marks(&p, now);
        if (rank(&p) < lowest) {
            lowest = rank(&p);
            best = p;
        }
    }
    clear_slot(&best);
    atomic_fetch_add_explicit(&t->evictions, 1, memory_order_relaxed);
    return best;
}

static void note_filled(struct table *t, uint32_t bucket)
{
    uint32_t group = bucket / GROUP;
    uint64_t bit = 1ULL << group % 64;
    if ((t->filled[group / 64] & bit) == 0)
        t->n_filled++;
    t->filled[group / 64] |= bit;
}

static void fill(const struct place *p, const struct key *key, int64_t expiry, uint64_t info)
{
    clear_marks(p);
    begin_write(p->b);
    for (unsigned i = 0; i < p->table->digest_size / 8; i++) {
        uint64_t word;
        memcpy(&word, key->digest.bytes + (size_t)i * 8, 8);
        store_word(&p->digest[i], word);
    }
    store_word(p->expiry, (uint64_t)expiry);
    store_word(p->info, info);
    atomic_store_explicit(&p->b->tag[p->slot], tag_of(key->hash), memory_order_release);
    end_write(p->b);
}

void table_put(struct table *t, const struct key *key, enum exist_state state, int64_t expiry,
               int64_t now)
{
    uint32_t bucket = bucket_of(t, key->hash);
    struct found found = search_any(t, &t->bucket[bucket], key);
    uint64_t info = info_make(key->store, state, now);
    if (found.slot != NO_SLOT) {
        struct place p = place_at(t, bucket, found.slot);
        collect_marks(&p, now);
        uint64_t last = relaxed(p.info) >> INFO_LAST_SHIFT << INFO_LAST_SHIFT;
        fill(&p, key, expiry, (info & (INFO_STORE | INFO_STATE_MASK << INFO_STATE_SHIFT)) | last);
        return;
    }
    struct place p = make_room(t, bucket, now);
    fill(&p, key, expiry, info);
    note_filled(t, bucket);
    atomic_fetch_add_explicit(&t->entries, 1, memory_order_relaxed);
}

void table_remove(struct table *t, const struct key *key)
{
    uint32_t bucket = bucket_of(t, key->hash);
    struct found found = search_any(t, &t->bucket[bucket], key);
    if (found.slot == NO_SLOT)
        return;
    struct place p = place_at(t, bucket, found.slot);
    clear_slot(&p);
}

/* ── Sweeping ── */

static void show(const struct place *p, const struct table_sweep *sweep)
{
    uint64_t info = relaxed(p->info);
    struct table_entry entry = {
        .key = {.store = (uint32_t)(info & INFO_STORE)},
        .state = info_state(info),
        .expiry = (int64_t)relaxed(p->expiry),
        .used = (info & INFO_USED) != 0,
    };
    struct digest *d = &entry.key.digest;
    d->size = (uint8_t)p->table->digest_size;
    d->algorithm = d->size == 32 ? DIGEST_SHA256 : DIGEST_SHA512;
    for (unsigned i = 0; i < p->table->digest_size / 8; i++) {
        uint64_t word = relaxed(&p->digest[i]);
        memcpy(d->bytes + (size_t)i * 8, &word, 8);
    }
    entry.key.hash = key_hash(sweep->seed, entry.key.store, d);
    sweep->visit(sweep->context, &entry);
}

static void sweep_slot(const struct place *p, const struct table_sweep *sweep)
{
    if ((int64_t)relaxed(p->expiry) <= sweep->now ||
        (relaxed(p->info) & INFO_STORE) == sweep->forget) {
        clear_slot(p);
        return;
    }
    collect_marks(p, sweep->now);
    if ((int64_t)relaxed(p->expiry) > sweep->latest)
        store_word(p->expiry, (uint64_t)sweep->latest);
    if (sweep->visit != NULL)
        show(p, sweep);
}

/* True if an entry is left in it. */
static bool sweep_group(struct table *t, uint32_t group, const struct table_sweep *sweep)
{
    bool left = false;
    for (uint32_t bucket = group * GROUP; bucket < (group + 1) * GROUP; bucket++) {
        for (unsigned i = 0; i < slots_of(t->digest_size); i++) {
            struct place p = place_at(t, bucket, i);
            if (is_free(&p))
                continue;
            sweep_slot(&p, sweep);
            left = left || !is_free(&p);
        }
    }
    return left;
}

/* The next group at or behind `from` that is filled; there must be one. */
static uint32_t next_filled(const struct table *t, uint32_t from)
{
    uint32_t n_words = t->n_buckets / GROUP / 64 + 1, word = from / 64;
    uint64_t bits = t->filled[word] & ~0ULL << from % 64;
    while (bits == 0) {
        word = (word + 1) % n_words;
        bits = t->filled[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

void table_sweep(struct table *t, const struct table_sweep *sweep)
{
    for (uint32_t i = 0; i < sweep->groups && t->n_filled > 0; i++) {
        uint32_t group = next_filled(t, t->cursor);
        if (!sweep_group(t, group, sweep)) {
            t->filled[group / 64] &= ~(1ULL << group % 64);
            t->n_filled--;
        }
        t->cursor = (group + 1) % (t->n_buckets / GROUP);
    }
}
