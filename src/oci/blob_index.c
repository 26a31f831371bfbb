#include "oci/blob_index.h"

#include "base/buf.h"
#include "base/num.h"

#define MAGIC "geranos\n"
#define VERSION 1U
#define SECTIONS 16 /* where they begin */
#define SECTION 16
#define PER_BUCKET 4
#define TIME_MAX ((uint64_t)1 << 40)

static const uint8_t size_of[BLOB_INDEX_KINDS] = {32, 64};

static unsigned kind_of(const struct digest *d)
{
    return d->algorithm == DIGEST_SHA512;
}

uint64_t blob_index_size(const uint64_t count[BLOB_INDEX_KINDS])
{
    return BLOB_INDEX_HEADER + count[0] * size_of[0] + count[1] * size_of[1];
}

/* ── The pointer ── */

size_t blob_index_pointer_format(const struct blob_index_pointer *p,
                                 char out[BLOB_INDEX_POINTER_MAX])
{
    struct buf b = buf_make(out, BLOB_INDEX_POINTER_MAX);
    char object[DIGEST_TEXT_MAX];
    buf_text(&b, "geranos-index 1\ntime ");
    buf_u64(&b, (uint64_t)p->time);
    buf_text(&b, "\nsha256 ");
    buf_u64(&b, p->count[0]);
    buf_text(&b, "\nsha512 ");
    buf_u64(&b, p->count[1]);
    buf_text(&b, "\nobject ");
    buf_put(&b, object, digest_format(&p->object, object));
    buf_char(&b, '\n');
    return b.len;
}

/* What stands behind `name` on the first line of *text, which goes on behind it. */
static bool take_line(struct str *text, struct str name, struct str *value)
{
    size_t end = str_find(*text, '\n');
    if (end == text->len || !str_starts(*text, name))
        return false;
    *value = str_make(text->data + name.len, end - name.len);
    *text = str_skip(*text, end + 1);
    return true;
}

static bool take_number(struct str *text, struct str name, uint64_t max, uint64_t *out)
{
    struct str value;
    return take_line(text, name, &value) && num_parse(value, max, out);
}

const char *blob_index_pointer_parse(struct str text, struct blob_index_pointer *out)
{
    struct str value;
    uint64_t time;
    if (!take_line(&text, STR("geranos-index "), &value) || !str_eq(value, STR("1")))
        return "\"geranos-index 1\" in the first line";
    if (!take_number(&text, STR("time "), TIME_MAX, &time))
        return "\"time SECONDS\" in the second line";
    if (!take_number(&text, STR("sha256 "), BLOB_INDEX_COUNT_MAX, &out->count[0]))
        return "\"sha256 COUNT\" in the third line";
    if (!take_number(&text, STR("sha512 "), BLOB_INDEX_COUNT_MAX, &out->count[1]))
        return "\"sha512 COUNT\" in the fourth line";
    if (!take_line(&text, STR("object "), &value) ||
        digest_parse(value, &out->object) != DIGEST_OK || out->object.algorithm != DIGEST_SHA256)
        return "\"object sha256:HEX\" in the fifth line";
    if (text.len > 0)
        return "nothing after the fifth line";
    out->time = (int64_t)time;
    return NULL;
}

/* ── Writing ── */

static void put_number(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_number(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

static void make_header(const uint64_t count[BLOB_INDEX_KINDS], uint8_t out[BLOB_INDEX_HEADER])
{
    memset(out, 0, BLOB_INDEX_HEADER);
    memcpy(out, MAGIC, 8);
    put_number(out + 8, VERSION, 4);
    for (unsigned kind = 0; kind < BLOB_INDEX_KINDS; kind++) {
        uint8_t *section = out + SECTIONS + SECTION * kind;
        put_number(section, DIGEST_SHA256 + kind, 4);
        put_number(section + 4, size_of[kind], 4);
        put_number(section + 8, count[kind], 8);
    }
}

void blob_index_begin(struct blob_index_writer *w, const uint64_t count[BLOB_INDEX_KINDS],
                      uint8_t header[BLOB_INDEX_HEADER])
{
    *w = (struct blob_index_writer){.left = {count[0], count[1]}};
    make_header(count, header);
}

bool blob_index_put(struct blob_index_writer *w, const struct digest *d)
{
    unsigned kind = kind_of(d);
    bool first = w->last.size != d->size; /* of its algorithm */
    if (w->left[kind] == 0 || (kind == 1 && w->left[0] > 0) ||
        (!first && memcmp(w->last.bytes, d->bytes, d->size) >= 0))
        return false;
    w->left[kind]--;
    w->last = *d;
    return true;
}

bool blob_index_end(const struct blob_index_writer *w)
{
    return w->left[0] == 0 && w->left[1] == 0;
}

/* ── Checking ── */

void blob_index_check_begin(struct blob_index_check *c)
{
    *c = (struct blob_index_check){.have = 0};
}

static const char *check_header(struct blob_index_check *c)
{
    uint8_t same[BLOB_INDEX_HEADER];
    if (memcmp(c->part, MAGIC, 8) != 0)
        return "it does not begin as an index does";
    if (get_number(c->part + 8, 4) != VERSION)
        return "it is of a version that this program does not know";
    for (unsigned kind = 0; kind < BLOB_INDEX_KINDS; kind++) {
        c->count[kind] = get_number(c->part + SECTIONS + SECTION * kind + 8, 8);
        if (c->count[kind] > BLOB_INDEX_COUNT_MAX)
            return "its header announces more digests than can be";
        c->left[kind] = c->count[kind];
    }
    make_header(c->count, same);
    if (memcmp(c->part, same, sizeof(same)) != 0)
        return "its header is not that of an index";
    c->begun = true;
    return NULL;
}

static unsigned current_kind(const struct blob_index_check *c)
{
    return c->left[0] == 0;
}

static const char *check_digest(struct blob_index_check *c, unsigned kind)
{
    if (c->follows && memcmp(c->last, c->part, size_of[kind]) >= 0)
        return "its digests are not in ascending order";
    memcpy(c->last, c->part, size_of[kind]);
    c->left[kind]--;
    c->follows = c->left[kind] > 0;
    return NULL;
}

/* How long the next part is; 0: there is none. */
static size_t part_size(const struct blob_index_check *c)
{
    if (!c->begun)
        return BLOB_INDEX_HEADER;
    return blob_index_check_end(c) == NULL ? 0 : size_of[current_kind(c)];
}

const char *blob_index_check_feed(struct blob_index_check *c, const void *data, size_t len)
{
    const uint8_t *from = data;
    while (len > 0) {
        size_t size = part_size(c);
        if (size == 0)
            return "more follows than its header announces";
        size_t n = size - c->have < len ? size - c->have : len;
        memcpy(c->part + c->have, from, n);
        c->have += n;
        from += n;
        len -= n;
        if (c->have < size)
            continue;
        c->have = 0;
        const char *problem = c->begun ? check_digest(c, current_kind(c)) : check_header(c);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

const char *blob_index_check_end(const struct blob_index_check *c)
{
    if (c->begun && c->left[0] == 0 && c->left[1] == 0)
        return NULL;
    return "it ends before the digests that its header announces";
}

/* ── Reading ── */

/* The first bytes as a number that compares as they do. */
static inline uint64_t prefix_of(const uint8_t *d)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | d[i];
    return value;
}

/* Digests are spread evenly, and so are these: about PER_BUCKET fall into each. */
static inline size_t buckets_of(size_t n)
{
    return n / PER_BUCKET + 1;
}

static inline size_t bucket_of(uint64_t prefix, size_t n)
{
    return (size_t)((prefix >> 32) * buckets_of(n) >> 32);
}

size_t blob_index_guide_size(size_t set_size)
{
    size_t most =
        set_size / size_of[0]; /* digests; each kind has a bucket and an end to it besides */
    return (most / PER_BUCKET + 2 * BLOB_INDEX_KINDS) * sizeof(uint32_t);
}

/* Where each bucket begins. Returns how many numbers that took. */
static size_t make_guide(uint32_t *guide, const uint8_t *digest, size_t n, size_t size)
{
    size_t next = 0, end = buckets_of(n) + 1;
    for (size_t i = 0; i < n; i++) {
        size_t bucket = bucket_of(prefix_of(digest + i * size), n);
        while (next <= bucket)
            guide[next++] = (uint32_t)i;
    }
    while (next < end)
        guide[next++] = (uint32_t)n;
    return end;
}

const char *blob_index_open(struct blob_index *x, const void *set, size_t size, uint32_t *guide)
{
    struct blob_index_check c;
    blob_index_check_begin(&c);
    const char *problem = blob_index_check_feed(&c, set, size);
    if (problem == NULL)
        problem = blob_index_check_end(&c);
    if (problem != NULL)
        return problem;
    const uint8_t *digest = (const uint8_t *)set + BLOB_INDEX_HEADER;
    for (unsigned kind = 0; kind < BLOB_INDEX_KINDS; kind++) {
        x->n[kind] = (size_t)c.count[kind];
        x->digest[kind] = digest;
        x->guide[kind] = guide;
        guide += make_guide(guide, digest, x->n[kind], size_of[kind]);
        digest += x->n[kind] * size_of[kind];
    }
    return NULL;
}

/* Inlined with a constant size. Who writes an index may choose digests that fill one bucket, so
 * that what is large is halved first. */
static inline __attribute__((always_inline)) bool search(const struct blob_index *x, unsigned kind,
                                                         const uint8_t *wanted, size_t size)
{
    const uint64_t prefix = prefix_of(wanted);
    const size_t bucket = bucket_of(prefix, x->n[kind]);
    const uint8_t *digest = x->digest[kind];
    size_t low = x->guide[kind][bucket], high = x->guide[kind][bucket + 1];
    while (high - low > 2 * PER_BUCKET) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(digest + middle * size, wanted, size) > 0)
            high = middle;
        else
            low = middle;
    }
    for (; low < high; low++)
        if (prefix_of(digest + low * size) == prefix &&
            memcmp(digest + low * size, wanted, size) == 0)
            return true;
    return false;
}

bool blob_index_has(const struct blob_index *x, const struct digest *d)
{
    return kind_of(d) == 0 ? search(x, 0, d->bytes, 32) : search(x, 1, d->bytes, 64);
}
