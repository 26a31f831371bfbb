#include <archeio/prefix.h>

#include "base/buf.h"
#include "base/num.h"

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96 };

/* The bits of an address's byte i that lie within a prefix of that many bits. */
static uint8_t byte_mask(unsigned bits, unsigned i)
{
    if (bits >= 8 * (i + 1))
        return 0xff;
    return bits <= 8 * i ? 0 : (uint8_t)(0xff00U >> (bits - 8 * i));
}

bool prefix_clear_host(struct prefix *p)
{
    bool set = false;
    for (unsigned i = p->bits / 8U; i < sizeof(p->addr.bytes); i++) {
        uint8_t kept = p->addr.bytes[i] & byte_mask(p->bits, i);
        set = set || kept != p->addr.bytes[i];
        p->addr.bytes[i] = kept;
    }
    return set;
}

enum prefix_result prefix_parse(struct str text, struct prefix *out)
{
    size_t slash = str_find(text, '/');
    struct str address = str_make(text.data, slash);
    struct prefix p;
    if (!addr_parse(address, &p.addr))
        return PREFIX_MALFORMED;
    bool mapped = p.addr.family == ADDR_V4 && str_find(address, ':') < address.len;
    uint64_t max = p.addr.family == ADDR_V4 && !mapped ? V4_BITS : V6_BITS;
    uint64_t bits = max;
    if (slash < text.len && !num_parse(str_skip(text, slash + 1), max, &bits))
        return PREFIX_MALFORMED;
    if (mapped) {
        if (bits < MAPPED_BITS)
            return PREFIX_MALFORMED;
        bits -= MAPPED_BITS;
    }
    p.bits = (uint8_t)bits;
    bool host_bits = prefix_clear_host(&p);
    *out = p;
    return host_bits ? PREFIX_HOST_BITS : PREFIX_OK;
}

size_t prefix_format(const struct prefix *p, char out[PREFIX_TEXT_MAX])
{
    struct buf b = buf_make(out, PREFIX_TEXT_MAX - 1);
    b.len = addr_format(&p->addr, out);
    buf_char(&b, '/');
    buf_u64(&b, p->bits);
    out[b.len] = '\0';
    return b.len;
}

bool prefix_holds(const struct prefix *p, const struct addr *a)
{
    if (p->addr.family != a->family || a->family == ADDR_NONE)
        return false;
    unsigned whole = p->bits / 8U;
    if (memcmp(p->addr.bytes, a->bytes, whole) != 0)
        return false;
    return p->bits % 8U == 0 ||
           (a->bytes[whole] & byte_mask(p->bits, whole)) == p->addr.bytes[whole];
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
    return order != 0 ? order : (int)a->bits - (int)b->bits;
}
