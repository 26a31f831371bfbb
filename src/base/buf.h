/*
 * A byte writer into memory of a fixed size. What does not fit is dropped whole, and `full` stays
 * set: write everything, then ask once.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <archeio/str.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t size; /* bytes of memory */
    size_t len;  /* bytes written */
    bool full;   /* something did not fit */
};

static inline struct buf buf_make(char *data, size_t size)
{
    return (struct buf){data, size, 0, false};
}

static inline void buf_put(struct buf *b, const void *data, size_t len)
{
    if (len > b->size - b->len) {
        b->full = true;
        return;
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void buf_str(struct buf *b, struct str s)
{
    buf_put(b, s.data, s.len);
}

static inline void buf_char(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

/* A terminated string, without its terminator. */
static inline void buf_text(struct buf *b, const char *z)
{
    buf_put(b, z, strlen(z));
}

/* Decimal digits. */
void buf_u64(struct buf *b, uint64_t value);

/* The bytes of s as the inside of a JSON string (RFC 8259 section 7): quote, backslash, controls
 * and what else ends a line escaped; bytes that are not UTF-8 become \ufffd. */
void buf_json(struct buf *b, struct str s);

#endif
