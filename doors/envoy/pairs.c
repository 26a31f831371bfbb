#include "pairs.h"

#include "base/buf.h"
#include "memory.h"

#define NUMBER sizeof(uint32_t)

static uint32_t number_at(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put_number(struct buf *b, size_t number)
{
    for (unsigned i = 0; i < NUMBER; i++)
        buf_char(b, (char)(number >> (8 * i)));
}

struct pairs pairs_read(struct str serialised)
{
    if (serialised.len < NUMBER)
        return (struct pairs){0};
    uint32_t n = number_at(serialised.data);
    if (n > (serialised.len - NUMBER) / (2 * NUMBER))
        return (struct pairs){0};
    const char *lengths = serialised.data + NUMBER;
    return (struct pairs){n, lengths, lengths + n * 2 * NUMBER, serialised.data + serialised.len};
}

/* A text of that length and the zero behind it. */
static bool take_text(struct pairs *p, uint32_t len, struct str *out)
{
    size_t left = (size_t)(p->end - p->text);
    if (len >= left)
        return false;
    *out = str_make(p->text, len);
    p->text += (size_t)len + 1;
    return true;
}

bool pairs_next(struct pairs *p, struct str *key, struct str *value)
{
    if (p->n == 0 || !take_text(p, number_at(p->lengths), key) ||
        !take_text(p, number_at(p->lengths + NUMBER), value)) {
        p->n = 0;
        return false;
    }
    p->n--;
    p->lengths += 2 * NUMBER;
    return true;
}

struct str pairs_write(const struct pairs_field *field, uint32_t n)
{
    size_t size = NUMBER;
    for (uint32_t i = 0; i < n; i++)
        size += 2 * NUMBER + field[i].key.len + field[i].value.len + 2;
    char *memory = memory_take(size);
    if (memory == NULL)
        return STR("");
    struct buf b = buf_make(memory, size);
    put_number(&b, n);
    for (uint32_t i = 0; i < n; i++) {
        put_number(&b, field[i].key.len);
        put_number(&b, field[i].value.len);
    }
    for (uint32_t i = 0; i < n; i++) {
        buf_str(&b, field[i].key);
        buf_char(&b, '\0');
        buf_str(&b, field[i].value);
        buf_char(&b, '\0');
    }
    return str_make(b.data, b.len);
}
