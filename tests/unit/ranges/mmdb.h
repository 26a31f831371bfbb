/*
 * A small writer of databases of MaxMind's format (specification 2.0), good ones and others.
 */
#ifndef TESTS_RANGES_MMDB_H
#define TESTS_RANGES_MMDB_H

#include <archeio/prefix.h>
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MMDB_NODES 4096
#define MMDB_EMPTY UINT64_MAX
#define MMDB_DATA (UINT64_C(1) << 40) /* with the record's offset in the data section */
#define MMDB_RAW (UINT64_C(1) << 41)  /* with a number that is written as it is */

enum {
    MMDB_STRING = 2,
    MMDB_UINT16 = 5,
    MMDB_UINT32 = 6,
    MMDB_MAP = 7,
    MMDB_UINT64 = 9,
    MMDB_ARRAY = 11
};

struct mmdb_bytes {
    unsigned char *data; /* of `room` bytes */
    size_t len;
    size_t room;
};

struct mmdb {
    unsigned ip_version;
    unsigned record_size;
    uint64_t node[MMDB_NODES][2]; /* the number of a node, or as above */
    uint32_t n_nodes;
    struct mmdb_bytes data;
};

/* ── Values ── */

static inline void mmdb_put(struct mmdb_bytes *b, const void *data, size_t len)
{
    while (b->len + len > b->room) {
        b->room = b->room > 0 ? 2 * b->room : 1024;
        b->data = realloc(b->data, b->room);
        assert(b->data != NULL);
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void mmdb_byte(struct mmdb_bytes *b, unsigned byte)
{
    const unsigned char c = (unsigned char)byte;
    mmdb_put(b, &c, 1);
}

static inline void mmdb_head(struct mmdb_bytes *b, unsigned type, size_t size)
{
    const unsigned code = size < 29 ? (unsigned)size : size < 285 ? 29 : size < 65821 ? 30 : 31;
    mmdb_byte(b, (type > 7 ? 0 : type) << 5 | code);
    if (type > 7)
        mmdb_byte(b, type - 7);
    if (code == 31)
        mmdb_byte(b, (unsigned)((size - 65821) >> 16));
    if (code >= 30)
        mmdb_byte(b, (unsigned)((size - (code == 31 ? 65821 : 285)) >> 8));
    if (code >= 29)
        mmdb_byte(b, (unsigned)(size - (code == 31 ? 65821 : code == 30 ? 285 : 29)));
}

static inline void mmdb_text(struct mmdb_bytes *b, const char *text)
{
    mmdb_head(b, MMDB_STRING, strlen(text));
    mmdb_put(b, text, strlen(text));
}

static inline void mmdb_number(struct mmdb_bytes *b, unsigned type, uint64_t number)
{
    unsigned bytes = 0;
    while (bytes < 8 && number >> (8 * bytes) != 0)
        bytes++;
    mmdb_head(b, type, bytes);
    while (bytes-- > 0)
        mmdb_byte(b, (unsigned)(number >> (8 * bytes)));
}

/* A pointer in its form of four bytes. */
static inline void mmdb_pointer(struct mmdb_bytes *b, uint32_t target)
{
    mmdb_byte(b, 1U << 5 | 3U << 3);
    for (unsigned i = 4; i-- > 0;)
        mmdb_byte(b, target >> (8 * i));
}

/* A record as GeoLite2-ASN has them; returns where it stands. */
static inline uint64_t mmdb_record(struct mmdb *m, uint32_t asn, const char *name)
{
    const uint64_t at = m->data.len;
    mmdb_head(&m->data, MMDB_MAP, 2);
    mmdb_text(&m->data, "autonomous_system_number");
    mmdb_number(&m->data, MMDB_UINT32, asn);
    mmdb_text(&m->data, "autonomous_system_organization");
    mmdb_text(&m->data, name);
    return MMDB_DATA | at;
}

/* ── The tree ── */

static inline uint32_t mmdb_node(struct mmdb *m)
{
    assert(m->n_nodes < MMDB_NODES);
    m->node[m->n_nodes][0] = m->node[m->n_nodes][1] = MMDB_EMPTY;
    return m->n_nodes++;
}

/* An empty database with a tree of one node. mmdb_free() it. */
static inline struct mmdb *mmdb_new(unsigned ip_version, unsigned record_size)
{
    struct mmdb *m = calloc(1, sizeof(*m));
    assert(m != NULL);
    m->ip_version = ip_version;
    m->record_size = record_size;
    mmdb_node(m);
    return m;
}

static inline void mmdb_free(struct mmdb *m)
{
    free(m->data.data);
    free(m);
}

/* Below a node that gets a record's value, children inherit it. */
static inline void mmdb_set(struct mmdb *m, const char *text, uint64_t value)
{
    struct prefix p;
    unsigned char bits[16] = {0};
    uint32_t at = 0;
    if (prefix_parse(str_from(text), &p) != PREFIX_OK)
        abort();
    const unsigned before = p.addr.family == ADDR_V4 && m->ip_version == 6 ? 96 : 0;
    memcpy(bits + before / 8, p.addr.bytes, sizeof(bits) - before / 8);
    for (unsigned i = 0; i < before + p.bits; i++) {
        uint64_t *record = &m->node[at][bits[i / 8] >> (7 - i % 8) & 1];
        if (i + 1 == before + p.bits) {
            *record = value;
            return;
        }
        if (*record >= MMDB_NODES) {
            const uint64_t inherited = *record;
            *record = mmdb_node(m);
            m->node[*record][0] = m->node[*record][1] = inherited;
        }
        at = (uint32_t)*record;
    }
}

/* The node behind so many bits that are 0. */
static inline uint32_t mmdb_behind_zeros(const struct mmdb *m, unsigned n)
{
    uint32_t at = 0;
    while (n-- > 0)
        at = (uint32_t)m->node[at][0];
    return at;
}

/* ── The file ── */

static inline uint64_t mmdb_record_of(const struct mmdb *m, uint64_t record)
{
    if (record == MMDB_EMPTY)
        return m->n_nodes;
    if ((record & MMDB_RAW) != 0)
        return record & ~MMDB_RAW;
    return (record & MMDB_DATA) != 0 ? (record & ~MMDB_DATA) + m->n_nodes + 16 : record;
}

static inline void mmdb_put_node(struct mmdb_bytes *b, const struct mmdb *m, uint32_t number)
{
    const uint64_t left = mmdb_record_of(m, m->node[number][0]);
    const uint64_t right = mmdb_record_of(m, m->node[number][1]);
    const unsigned whole = m->record_size == 32 ? 4 : 3;
    for (unsigned i = whole; i-- > 0;)
        mmdb_byte(b, (unsigned)(left >> (8 * i)));
    if (m->record_size == 28)
        mmdb_byte(b, (unsigned)(left >> 24 << 4 | right >> 24));
    for (unsigned i = whole; i-- > 0;)
        mmdb_byte(b, (unsigned)(right >> (8 * i)));
}

static inline void mmdb_put_tree(struct mmdb_bytes *b, const struct mmdb *m)
{
    static const char separator[16];
    for (uint32_t i = 0; i < m->n_nodes; i++)
        mmdb_put_node(b, m, i);
    mmdb_put(b, separator, sizeof(separator));
    if (m->data.len > 0)
        mmdb_put(b, m->data.data, m->data.len);
}

static inline void mmdb_marker(struct mmdb_bytes *b)
{
    mmdb_put(b, "\xab\xcd\xefMaxMind.com", 14);
}

/* node_count may be another than it is. */
static inline void mmdb_put_metadata(struct mmdb_bytes *b, const struct mmdb *m,
                                     uint64_t node_count)
{
    mmdb_marker(b);
    mmdb_head(b, MMDB_MAP, 9);
    mmdb_text(b, "node_count");
    mmdb_number(b, MMDB_UINT32, node_count);
    mmdb_text(b, "record_size");
    mmdb_number(b, MMDB_UINT16, m->record_size);
    mmdb_text(b, "ip_version");
    mmdb_number(b, MMDB_UINT16, m->ip_version);
    mmdb_text(b, "database_type");
    mmdb_text(b, "GeoLite2-ASN");
    mmdb_text(b, "languages");
    mmdb_head(b, MMDB_ARRAY, 1);
    mmdb_text(b, "en");
    mmdb_text(b, "binary_format_major_version");
    mmdb_number(b, MMDB_UINT16, 2);
    mmdb_text(b, "binary_format_minor_version");
    mmdb_number(b, MMDB_UINT16, 0);
    mmdb_text(b, "build_epoch");
    mmdb_number(b, MMDB_UINT64, 1700000000);
    mmdb_text(b, "description");
    mmdb_head(b, MMDB_MAP, 1);
    mmdb_text(b, "en");
    mmdb_text(b, "for a test");
}

/* The whole file; free() its data. */
static inline struct mmdb_bytes mmdb_file(const struct mmdb *m)
{
    struct mmdb_bytes b = {NULL, 0, 0};
    mmdb_put_tree(&b, m);
    mmdb_put_metadata(&b, m, m->n_nodes);
    return b;
}

#endif
